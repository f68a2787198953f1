package ocall

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

var (
	errText = errors.New("a string is not UTF-8")
	errYear = errors.New("a time is not of the years 0 to 9999")
)

// append appends the encoding of v: RFC 8949, core deterministic (section
// 4.2.1).
func (s *shape) append(b []byte, v reflect.Value) ([]byte, error) {
	switch s.kind {
	case boolKind:
		return append(b, simpleFalse+toByte(v.Bool())), nil
	case intKind:
		return appendInt(b, v.Int()), nil
	case uintKind:
		return appendHead(b, majorUint, v.Uint()), nil
	case floatKind:
		return appendFloat(b, v.Float()), nil
	case stringKind:
		if !utf8.ValidString(v.String()) {
			return b, errText
		}
		return appendText(b, v.String()), nil
	case bytesKind:
		return appendBytes(b, v.Bytes()), nil
	case arrayOfBytesKind:
		return appendArray(b, v), nil
	case sliceKind, arrayKind:
		return s.appendElements(b, v)
	case mapKind:
		return s.appendMap(b, v)
	case structKind:
		return s.appendStruct(b, v)
	}
	return s.appendRare(b, v)
}

func (s *shape) appendRare(b []byte, v reflect.Value) ([]byte, error) {
	switch {
	case s.kind == binaryKind:
		own, err := ownBinary(v)
		return appendBytes(b, own), err
	case s.kind == timeKind:
		return appendTime(b, v.Interface().(time.Time))
	case v.IsNil():
		return append(b, simpleNull), nil
	}
	return s.elem.append(b, v.Elem())
}

func (s *shape) appendElements(b []byte, v reflect.Value) (_ []byte, err error) {
	b = appendHead(b, majorArray, uint64(v.Len()))
	for i := 0; i < v.Len() && err == nil; i++ {
		b, err = s.elem.append(b, v.Index(i))
	}
	return b, err
}

func (s *shape) appendStruct(b []byte, v reflect.Value) (_ []byte, err error) {
	b = appendHead(b, majorMap, uint64(len(s.fields)))
	for i := 0; i < len(s.fields) && err == nil; i++ {
		f := &s.fields[i]
		b, err = f.shape.append(append(b, f.key...), v.Field(f.index))
	}
	return b, err
}

// appendMap sorts pairs by their encoded keys.
func (s *shape) appendMap(b []byte, v reflect.Value) ([]byte, error) {
	type pair struct{ start, value, end int }
	b = appendHead(b, majorMap, uint64(v.Len()))
	first, pairs := len(b), make([]pair, 0, v.Len())
	key, elem := reflect.New(s.key.t).Elem(), reflect.New(s.elem.t).Elem()
	for i := v.MapRange(); i.Next(); {
		key.SetIterKey(i)
		elem.SetIterValue(i)
		p := pair{start: len(b)}
		var err, err2 error
		b, err = s.key.append(b, key)
		p.value = len(b)
		b, err2 = s.elem.append(b, elem)
		if err := cmp.Or(err, err2); err != nil {
			return b, err
		}
		p.end = len(b)
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(x, y pair) int { return bytes.Compare(b[x.start:x.value], b[y.start:y.value]) })
	sorted := make([]byte, 0, len(b)-first)
	for _, p := range pairs {
		sorted = append(sorted, b[p.start:p.end]...)
	}
	return append(b[:first], sorted...), nil
}

// appendArray takes arrays apart that have no address, as keys of maps.
func appendArray(b []byte, v reflect.Value) []byte {
	if v.CanAddr() {
		return appendBytes(b, v.Bytes())
	}
	b = appendHead(b, majorBytes, uint64(v.Len()))
	for i := range v.Len() {
		b = append(b, byte(v.Index(i).Uint()))
	}
	return b
}

func appendTime(b []byte, t time.Time) ([]byte, error) {
	if t.IsZero() {
		return append(b, simpleNull), nil
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return b, errYear
	}
	return appendText(b, t.Format(time.RFC3339Nano)), nil
}

// ownBinary is what a type that encodes itself appends. It comes behind its
// length, which only shows then.
func ownBinary(v reflect.Value) ([]byte, error) {
	if m, ok := v.Interface().(encoding.BinaryAppender); ok {
		return m.AppendBinary(nil)
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface().(encoding.BinaryAppender).AppendBinary(nil)
}

func toByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
