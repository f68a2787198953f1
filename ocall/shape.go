package ocall

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// shape is what the CBOR of a type looks like. Checking it first means that the
// decoder never sees a null, a short array or a missing field: each of those
// would take a byte from the host and make a whole zero value of it here.
type shape struct {
	kind      shapeKind
	n         uint64  // largest integer, or elements of an array
	key, elem *shape  // of maps, slices, arrays, optional values
	fields    []field // of a struct, in the order of the wire
	text      string  // in a signature
}

type field struct {
	key   []byte // encoded
	shape *shape
}

type shapeKind uint8

const (
	_ shapeKind = iota
	boolKind
	intKind
	uintKind
	floatKind
	stringKind
	bytesKind
	arrayOfBytesKind
	sliceKind
	arrayKind
	mapKind
	structKind
	optionalKind
	binaryKind
	timeKind
)

// Major types of RFC 8949, section 3.1, and the simple values used here.
const (
	majorUint, majorNegative, majorBytes, majorText = 0, 1, 2, 3
	majorArray, majorMap, majorSimple               = 4, 5, 7

	simpleFalse, simpleTrue, simpleNull = 0xf4, 0xf5, 0xf6
)

// check reports whether b is an encoding of the shape: definite, with minimal
// heads throughout, and struct fields complete and in order.
func (s *shape) check(b []byte) bool {
	in := lebyte.String(b)
	return s.read(&in) && in.Empty()
}

func (s *shape) read(in *lebyte.String) bool {
	switch s.kind {
	case boolKind:
		return simple(in, simpleFalse) || simple(in, simpleTrue)
	case floatKind:
		return float(in)
	case optionalKind:
		return simple(in, simpleNull) || s.elem.read(in)
	case timeKind:
		return simple(in, simpleNull) || text(in)
	}
	major, n, ok := head(in)
	return ok && s.rest(in, major, n)
}

// rest reads what follows a head.
func (s *shape) rest(in *lebyte.String, major uint8, n uint64) bool {
	switch s.kind {
	case uintKind:
		return major == majorUint && n <= s.n
	case intKind:
		return major <= majorNegative && n <= s.n
	case stringKind:
		return major == majorText && utf8Bytes(in, n)
	case bytesKind, binaryKind:
		return major == majorBytes && in.Bytes(new([]byte), n)
	case arrayOfBytesKind:
		return major == majorBytes && n == s.n && in.Bytes(new([]byte), n)
	case sliceKind:
		return major == majorArray && s.elements(in, n)
	case arrayKind:
		return major == majorArray && n == s.n && s.elements(in, n)
	case mapKind:
		return major == majorMap && s.pairs(in, n)
	case structKind:
		return major == majorMap && n == uint64(len(s.fields)) && s.members(in)
	}
	return false
}

// elements ends with the input, whatever n says: no element takes less than a
// byte.
func (s *shape) elements(in *lebyte.String, n uint64) bool {
	for range n {
		if !s.elem.read(in) {
			return false
		}
	}
	return true
}

// pairs leaves it to the second encoding whether keys ascend.
func (s *shape) pairs(in *lebyte.String, n uint64) bool {
	for range n {
		if !s.key.read(in) || !s.elem.read(in) {
			return false
		}
	}
	return true
}

func (s *shape) members(in *lebyte.String) bool {
	for _, f := range s.fields {
		var key []byte
		if !in.Bytes(&key, uint64(len(f.key))) || !bytes.Equal(key, f.key) || !f.shape.read(in) {
			return false
		}
	}
	return true
}

// head reads a major type and its argument, in as few bytes as it takes.
func head(in *lebyte.String) (major uint8, n uint64, ok bool) {
	var first uint8
	if !in.Uint8(&first) {
		return 0, 0, false
	}
	major, info := first>>5, first&0x1f
	if info < 24 {
		return major, uint64(info), true
	}
	var b []byte
	if info > 27 || !in.Bytes(&b, 1<<(info-24)) {
		return 0, 0, false
	}
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return major, n, headLen(n) == 1+uint64(len(b))
}

func headLen(n uint64) uint64 {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}

func simple(in *lebyte.String, value uint8) bool {
	if in.Empty() || (*in)[0] != value {
		return false
	}
	*in = (*in)[1:]
	return true
}

// float leaves it to the second encoding whether a shorter one would do.
func float(in *lebyte.String) bool {
	var first uint8
	if !in.Uint8(&first) || first < majorSimple<<5|25 || first > majorSimple<<5|27 {
		return false
	}
	return in.Bytes(new([]byte), 2<<(first&0x1f-25))
}

func text(in *lebyte.String) bool {
	major, n, ok := head(in)
	return ok && major == majorText && utf8Bytes(in, n)
}

func utf8Bytes(in *lebyte.String, n uint64) bool {
	var b []byte
	return in.Bytes(&b, n) && utf8.Valid(b)
}

// appendText appends the encoding of a text shorter than 64 KiB.
func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 24:
		b = append(b, majorText<<5|byte(n))
	case n < 1<<8:
		b = append(b, majorText<<5|24, byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, majorText<<5|25), uint16(n))
	}
	return append(b, s...)
}
