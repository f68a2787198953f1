package ocall

import (
	"bytes"
	"encoding"
	"reflect"
	"slices"
	"sync"
)

// codec is how one type crosses.
type codec[T any] interface {
	append(b []byte, v T) ([]byte, error)
	decode(body []byte) (T, error)
	keeps() bool     // body, in what it decodes
	size(v T) int    // of its encoding, if that is easily told; or 0
	long(v T) []byte // its encoding, if that is v's own bytes, and long
}

// newCodec walks T, refusing under path what cannot cross, and returns the
// signature of what can. Bodies are at most limit bytes.
func newCodec[T any](path string, limit uint32) (codec[T], string) {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer {
		refuse(path, "a pointer is an optional field: pass the value")
	}
	shape := walker{}.walk(t, path)
	switch shape.kind {
	case bytesKind:
		return rawCodec[T]{}, shape.text
	case arrayOfBytesKind:
		if shape.n > uint64(limit) {
			refuse(path, "is longer than its limit")
		}
		return arrayCodec[T]{}, shape.text
	case binaryKind:
		return &binaryCodec[T]{}, shape.text
	}
	return &cborCodec[T]{shape: shape, memory: memoryFactor * int64(limit)}, shape.text
}

// taken is how much memory a body of limit bytes may take, and what is decoded
// from it.
func taken[T any](c codec[T], limit uint32) uint64 {
	if _, raw := c.(rawCodec[T]); raw {
		return uint64(limit)
	}
	return (1 + memoryFactor) * uint64(limit)
}

// rawCodec is for []byte: the body is the value.
type rawCodec[T any] struct{}

func (rawCodec[T]) keeps() bool { return true }

func (rawCodec[T]) size(v T) int {
	if raw, ok := any(v).([]byte); ok {
		return len(raw)
	}
	return 0
}

func (rawCodec[T]) long(v T) []byte {
	if raw, ok := any(v).([]byte); ok && len(raw) > keepBuffer {
		return raw
	}
	return nil
}

func (rawCodec[T]) append(b []byte, v T) ([]byte, error) {
	if raw, ok := any(v).([]byte); ok { // as nearly always, and without reflection
		return append(b, raw...), nil
	}
	return append(b, reflect.ValueOf(v).Bytes()...), nil
}

func (rawCodec[T]) decode(body []byte) (v T, err error) {
	if raw, ok := any(&v).(*[]byte); ok {
		*raw = body
		return v, nil
	}
	reflect.ValueOf(&v).Elem().SetBytes(body)
	return v, nil
}

// arrayCodec is for arrays of bytes: the body is the value.
type arrayCodec[T any] struct{}

func (arrayCodec[T]) keeps() bool { return false }

func (arrayCodec[T]) size(T) int { return 0 }

func (arrayCodec[T]) long(T) []byte { return nil }

func (arrayCodec[T]) append(b []byte, v T) ([]byte, error) {
	return append(b, reflect.ValueOf(&v).Elem().Bytes()...), nil
}

func (arrayCodec[T]) decode(body []byte) (v T, err error) {
	array := reflect.ValueOf(&v).Elem()
	if len(body) != array.Len() {
		return v, errShape
	}
	copy(array.Bytes(), body)
	return v, nil
}

// binaryCodec is for types that write and read themselves.
type binaryCodec[T any] struct{ scratch sync.Pool }

func (*binaryCodec[T]) keeps() bool { return true } // whatever its documentation says

func (*binaryCodec[T]) append(b []byte, v T) ([]byte, error) {
	return any(&v).(encoding.BinaryAppender).AppendBinary(b)
}

func (*binaryCodec[T]) size(T) int { return 0 }

func (*binaryCodec[T]) long(T) []byte { return nil }

func (c *binaryCodec[T]) decode(body []byte) (v T, err error) {
	if err := any(&v).(encoding.BinaryUnmarshaler).UnmarshalBinary(body); err != nil {
		return v, err
	}
	return v, canonical(&c.scratch, c, v, body)
}

// cborCodec is for everything else.
type cborCodec[T any] struct {
	shape   *shape
	memory  int64 // that a decoded T may take, besides itself
	scratch sync.Pool
}

func (*cborCodec[T]) keeps() bool { return false }

func (*cborCodec[T]) size(T) int { return 0 }

func (*cborCodec[T]) long(T) []byte { return nil }

func (c *cborCodec[T]) append(b []byte, v T) ([]byte, error) {
	return c.shape.append(b, reflect.ValueOf(&v).Elem())
}

// decode reads body, and then encodes what it read: that must be body.
func (c *cborCodec[T]) decode(body []byte) (v T, err error) {
	in := decoder{body, c.memory}
	switch ok := c.shape.read(&in, reflect.ValueOf(&v).Elem()); {
	case in.memory < 0:
		return v, errMemory
	case !ok || !in.Empty():
		return v, errShape
	}
	return v, canonical(&c.scratch, c, v, body)
}

// canonical returns an error unless body is what v encodes as.
func canonical[T any](scratch *sync.Pool, c codec[T], v T, body []byte) error {
	again, _ := scratch.Get().(*[]byte)
	if again == nil {
		again = new([]byte)
	}
	b, err := c.append(slices.Grow((*again)[:0], len(body)), v)
	if err != nil {
		return err
	}
	same := bytes.Equal(b, body)
	if *again = b; cap(b) <= keepLong {
		scratch.Put(again)
	}
	if !same {
		return errCanonical
	}
	return nil
}
