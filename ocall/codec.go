package ocall

import (
	"bytes"
	"encoding"
	"errors"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// codec is how one type crosses. decode takes the bytes over.
type codec[T any] interface {
	encode(frame *bytes.Buffer, v T) error
	decode(body []byte) (T, error)
}

var (
	errShape     = errors.New("not an encoding of its type")
	errCanonical = errors.New("not the one encoding of its value")
)

// newCodec walks T, refusing under path what cannot cross, and returns the
// signature of what can.
func newCodec[T any](path string) (codec[T], string) {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer {
		refuse(path, "a pointer is an optional field: pass the value")
	}
	w := walker{whole: true}
	shape := w.walk(t, path)
	switch shape.kind {
	case bytesKind:
		return rawCodec[T]{}, shape.text
	case binaryKind:
		return &binaryCodec[T]{}, shape.text
	}
	return newCBOR[T](shape), shape.text
}

// rawCodec is for []byte: the body is the value.
type rawCodec[T any] struct{}

func (rawCodec[T]) encode(frame *bytes.Buffer, v T) error {
	frame.Write(reflect.ValueOf(&v).Elem().Bytes())
	return nil
}

func (rawCodec[T]) decode(body []byte) (v T, err error) {
	reflect.ValueOf(&v).Elem().SetBytes(body)
	return v, nil
}

// binaryCodec is for types that write and read themselves.
type binaryCodec[T any] struct{ scratch sync.Pool }

func (c *binaryCodec[T]) encode(frame *bytes.Buffer, v T) error {
	b, err := any(&v).(encoding.BinaryAppender).AppendBinary(frame.AvailableBuffer())
	frame.Write(b)
	return err
}

func (c *binaryCodec[T]) decode(body []byte) (v T, err error) {
	if err := any(&v).(encoding.BinaryUnmarshaler).UnmarshalBinary(body); err != nil {
		return v, err
	}
	return v, canonical(&c.scratch, c, v, body)
}

// cborCodec is for everything else: RFC 8949, core deterministic encoding.
type cborCodec[T any] struct {
	shape   *shape
	enc     cbor.UserBufferEncMode
	dec     cbor.DecMode
	scratch sync.Pool
}

// newCBOR names every option that bears on what is accepted, also where it is
// the default.
func newCBOR[T any](s *shape) *cborCodec[T] {
	write := cbor.CoreDetEncOptions()
	write.NilContainers = cbor.NilContainerAsEmpty
	write.Time = cbor.TimeRFC3339NanoUTC
	write.TagsMd = cbor.TagsForbidden
	read := cbor.DecOptions{
		DupMapKey:           cbor.DupMapKeyEnforcedAPF,
		IndefLength:         cbor.IndefLengthForbidden,
		TagsMd:              cbor.TagsForbidden,
		ExtraReturnErrors:   cbor.ExtraDecErrorUnknownField,
		FieldNameMatching:   cbor.FieldNameMatchingCaseSensitive,
		FieldNameByteString: cbor.FieldNameByteStringForbidden,
		ByteStringToString:  cbor.ByteStringToStringForbidden,
		ByteStringToTime:    cbor.ByteStringToTimeForbidden,
		BignumTag:           cbor.BignumTagForbidden,
		UTF8:                cbor.UTF8RejectInvalid,
		MaxNestedLevels:     maxDepth,
		MaxArrayElements:    maxBody, // shape.check bounds counts by what is left
		MaxMapPairs:         maxBody,
	}
	enc, err := write.UserBufferEncMode()
	dec, err2 := read.DecMode()
	if err := errors.Join(err, err2); err != nil {
		panic("ocall: " + err.Error()) // constants above: cannot happen
	}
	return &cborCodec[T]{shape: s, enc: enc, dec: dec}
}

func (c *cborCodec[T]) encode(frame *bytes.Buffer, v T) error {
	return c.enc.MarshalToBuffer(&v, frame)
}

// decode reads body three times over, all in private memory: its shape, so that
// no count costs memory before the elements it claims have come, and no null a
// whole zero value; its value; and the value's own encoding, which must be body.
func (c *cborCodec[T]) decode(body []byte) (v T, err error) {
	if !c.shape.check(body) {
		return v, errShape
	}
	if err := c.dec.Unmarshal(body, &v); err != nil {
		return v, err
	}
	return v, canonical(&c.scratch, c, v, body)
}

// canonical reports whether body is what v encodes as.
func canonical[T any](scratch *sync.Pool, c codec[T], v T, body []byte) error {
	again, _ := scratch.Get().(*bytes.Buffer)
	if again == nil {
		again = new(bytes.Buffer)
	}
	again.Reset()
	if err := c.encode(again, v); err != nil {
		return err
	}
	if !bytes.Equal(again.Bytes(), body) {
		return errCanonical
	}
	if again.Cap() <= keepBuffer {
		scratch.Put(again)
	}
	return nil
}
