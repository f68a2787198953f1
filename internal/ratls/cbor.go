package ratls

import (
	"encoding/binary"
	"unicode/utf8"
)

// major is the type of a CBOR item: the top three bits of its first byte.
type major uint8

const (
	majorUint  major = 0
	majorBytes major = 2
	majorText  major = 3
	majorArray major = 4
	majorMap   major = 5
	majorTag   major = 6
)

// cbor is what is left of the input. As with cryptobyte, its methods consume
// an item and report whether it was there, so that a parser is one chain of
// conditions ending in empty. They read only the deterministic encoding of
// RFC 8949, section 4.2.1; the order of map keys is not looked at.
type cbor []byte

// head reads the type of an item, which must be m, and its argument: a value,
// a length or a tag.
func (s *cbor) head(m major, v *uint64) bool {
	b := *s
	if len(b) == 0 || major(b[0]>>5) != m {
		return false
	}
	n, size, ok := argument(b)
	if !ok || len(appendHead(nil, m, n)) != size { // not the shortest form
		return false
	}
	*v, *s = n, b[size:]
	return true
}

// argument decodes the first bytes of an item, of which there is at least
// one, and says how many they are. It refuses indefinite lengths.
func argument(b []byte) (v uint64, size int, ok bool) {
	info := b[0] & 0x1f
	if info < 24 {
		return uint64(info), 1, true
	}
	if info > 27 {
		return 0, 0, false
	}
	size = 1 + 1<<(info-24)
	if len(b) < size {
		return 0, 0, false
	}
	for _, c := range b[1:size] {
		v = v<<8 | uint64(c)
	}
	return v, size, true
}

// exactly reads a head whose argument must be want.
func (s *cbor) exactly(m major, want uint64) bool {
	var got uint64
	return s.head(m, &got) && got == want
}

func (s *cbor) bytes(v *[]byte) bool { return s.string(majorBytes, v) }

func (s *cbor) text(v *string) bool {
	var b []byte
	if !s.string(majorText, &b) || !utf8.Valid(b) {
		return false
	}
	*v = string(b)
	return true
}

func (s *cbor) string(m major, v *[]byte) bool {
	var n uint64
	if !s.head(m, &n) || n > uint64(len(*s)) {
		return false
	}
	*v, *s = (*s)[:n:n], (*s)[n:]
	return true
}

func (s cbor) empty() bool { return len(s) == 0 }

// appendHead appends the shortest form.
func appendHead(b []byte, m major, v uint64) []byte {
	top := byte(m) << 5
	switch {
	case v < 24:
		return append(b, top|byte(v))
	case v < 1<<8:
		return append(b, top|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, top|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, top|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, top|27), v)
}

func appendBytes(b, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

func appendText(b []byte, v string) []byte {
	return append(appendHead(b, majorText, uint64(len(v))), v...)
}
