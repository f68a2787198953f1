package ocall

import (
	"bytes"
	"encoding"
	"errors"
	"reflect"
	"time"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

var (
	errShape     = errors.New("not an encoding of its type")
	errCanonical = errors.New("not the one encoding of its value")
	errMemory    = errors.New("it takes more memory than its limit allows")
)

// decoder reads one body, from private memory. Each thing it sets aside is
// charged to memory first.
type decoder struct {
	lebyte.String
	memory int64 // what may still be set aside, in bytes; below zero, too much was asked
}

// charge takes n bytes, as the allocator rounds them, from what may be set
// aside.
func (d *decoder) charge(n uint64) bool {
	d.memory -= int64(min(n+15, 1<<40) &^ 15)
	return d.memory >= 0
}

// read fills v, which is zero.
func (s *shape) read(in *decoder, v reflect.Value) bool {
	switch s.kind {
	case boolKind:
		v.SetBool(!in.Empty() && in.String[0] == simpleTrue)
		return simple(&in.String, simpleFalse) || simple(&in.String, simpleTrue)
	case floatKind:
		f, ok := readFloat(&in.String)
		v.SetFloat(f)
		return ok
	case optionalKind:
		return simple(&in.String, simpleNull) || s.readPresent(in, v)
	case timeKind:
		return simple(&in.String, simpleNull) || readTime(in, v)
	case stringKind:
		b, ok := str(&in.String, majorText)
		ok = ok && in.charge(uint64(len(b)))
		if ok {
			v.SetString(string(b))
		}
		return ok
	case bytesKind, arrayOfBytesKind, binaryKind:
		b, ok := str(&in.String, majorBytes)
		return ok && s.setBytes(in, v, b)
	}
	major, n, ok := head(&in.String)
	return ok && s.rest(in, v, major, n)
}

// rest reads what follows a head.
func (s *shape) rest(in *decoder, v reflect.Value, major uint8, n uint64) bool {
	switch s.kind {
	case uintKind:
		v.SetUint(n)
		return major == majorUint && n <= s.n
	case intKind:
		v.SetInt(int64(n) ^ -int64(major&1))
		return major <= majorNegative && n <= s.n
	case sliceKind:
		return major == majorArray && s.readSlice(in, v, n)
	case arrayKind:
		return major == majorArray && n == s.n && s.readElements(in, v)
	case mapKind:
		return major == majorMap && s.readMap(in, v, n)
	case structKind:
		return major == majorMap && n == uint64(len(s.fields)) && s.readStruct(in, v)
	}
	return false
}

func (s *shape) setBytes(in *decoder, v reflect.Value, b []byte) bool {
	switch s.kind {
	case bytesKind:
		ok := in.charge(uint64(len(b)))
		if ok {
			v.SetBytes(append([]byte{}, b...))
		}
		return ok
	case arrayOfBytesKind:
		return uint64(len(b)) == s.n && copy(v.Bytes(), b) == len(b)
	}
	return in.charge(uint64(len(b))) && v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(bytes.Clone(b)) == nil
}

// holds reports whether n elements of at least that many bytes can follow.
func (d *decoder) holds(n, least uint64) bool { return n <= uint64(len(d.String))/least }

func (s *shape) readSlice(in *decoder, v reflect.Value, n uint64) bool {
	if !in.holds(n, s.elem.min) || !in.charge(n*uint64(s.elem.t.Size())) {
		return false
	}
	if n == 0 {
		v.Set(s.empty)
		return true
	}
	v.Grow(int(n)) // unlike MakeSlice, sets nothing else aside
	v.SetLen(int(n))
	return s.readElements(in, v)
}

func (s *shape) readElements(in *decoder, v reflect.Value) bool {
	for i := range v.Len() {
		if !s.elem.read(in, v.Index(i)) {
			return false
		}
	}
	return true
}

// mapBytes is about what a map of n entries of a size takes: tables grow by
// doubling, and are at most seven eighths full.
func mapBytes(n, size uint64) uint64 {
	if n == 0 {
		return 64
	}
	return 128 + max(8, 3*n)*(size+1)
}

// readMap leaves it to the second encoding whether keys ascend.
func (s *shape) readMap(in *decoder, v reflect.Value, n uint64) bool {
	size := uint64(s.key.t.Size() + s.elem.t.Size())
	if !in.holds(n, s.key.min+s.elem.min) || !in.charge(mapBytes(n, size)) {
		return false
	}
	v.Set(reflect.MakeMapWithSize(s.t, int(n)))
	key, elem := reflect.New(s.key.t).Elem(), reflect.New(s.elem.t).Elem()
	for range n {
		key.SetZero()
		elem.SetZero()
		if !s.key.read(in, key) || !s.elem.read(in, elem) {
			return false
		}
		v.SetMapIndex(key, elem)
	}
	return true
}

func (s *shape) readStruct(in *decoder, v reflect.Value) bool {
	for i := range s.fields {
		f := &s.fields[i]
		if !bytes.HasPrefix(in.String, f.key) {
			return false
		}
		in.String = in.String[len(f.key):]
		if !f.shape.read(in, v.Field(f.index)) {
			return false
		}
	}
	return true
}

func (s *shape) readPresent(in *decoder, v reflect.Value) bool {
	if !in.charge(uint64(s.elem.t.Size())) {
		return false
	}
	v.Set(reflect.New(s.elem.t))
	return s.elem.read(in, v.Elem())
}

// readTime leaves it to the second encoding whether the text is in UTC and has
// no needless digits.
func readTime(in *decoder, v reflect.Value) bool {
	b, ok := str(&in.String, majorText)
	if !ok || len(b) > len(time.RFC3339Nano) {
		return false
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	v.Set(reflect.ValueOf(t.UTC()))
	return err == nil
}
