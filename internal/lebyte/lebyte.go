// Package lebyte reads little-endian structures from untrusted bytes.
//
// It is cryptobyte for Intel's byte order: each method consumes a field and
// reports whether it was there, so that a parser is one chain of conditions
// ending in Empty. Writers use the Append functions of encoding/binary.
package lebyte

import "encoding/binary"

// String is what is left of the input. Its methods advance it, and leave it
// as it was when they report false.
type String []byte

// Uint8 reads one byte.
func (s *String) Uint8(v *uint8) bool {
	b, ok := s.next(1)
	if ok {
		*v = b[0]
	}
	return ok
}

// Uint16 reads two bytes.
func (s *String) Uint16(v *uint16) bool {
	b, ok := s.next(2)
	if ok {
		*v = binary.LittleEndian.Uint16(b)
	}
	return ok
}

// Uint32 reads four bytes.
func (s *String) Uint32(v *uint32) bool {
	b, ok := s.next(4)
	if ok {
		*v = binary.LittleEndian.Uint32(b)
	}
	return ok
}

// Uint64 reads eight bytes.
func (s *String) Uint64(v *uint64) bool {
	b, ok := s.next(8)
	if ok {
		*v = binary.LittleEndian.Uint64(b)
	}
	return ok
}

// Copy fills v.
func (s *String) Copy(v []byte) bool {
	b, ok := s.next(uint64(len(v)))
	copy(v, b)
	return ok
}

// Bytes makes v the next n bytes without copying them. The length may come
// from the input: it is compared with what is left before it is used.
func (s *String) Bytes(v *[]byte, n uint64) bool {
	b, ok := s.next(n)
	if ok {
		*v = b
	}
	return ok
}

// Zero skips n reserved bytes, all of which must be zero.
func (s *String) Zero(n uint64) bool {
	if n > uint64(len(*s)) {
		return false
	}
	for _, b := range (*s)[:n] {
		if b != 0 {
			return false
		}
	}
	*s = (*s)[n:]
	return true
}

// Empty reports whether everything has been read.
func (s String) Empty() bool { return len(s) == 0 }

func (s *String) next(n uint64) ([]byte, bool) {
	if n > uint64(len(*s)) {
		return nil, false
	}
	b := (*s)[:n:n]
	*s = (*s)[n:]
	return b, true
}
