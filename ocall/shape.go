package ocall

import "reflect"

// shape is what the CBOR of a type looks like: there is one encoding for each
// value, and reading accepts no other. A null, a short array or a missing field
// is refused, since each would take a byte from the host and make a whole zero
// value of it here.
type shape struct {
	kind      shapeKind
	t         reflect.Type
	n         uint64        // largest integer, or elements of an array
	min       uint64        // bytes of the shortest encoding
	key, elem *shape        // of maps, slices, arrays, optional values
	fields    []field       // of a struct, in the order of the wire
	empty     reflect.Value // slice, for all of no elements
	text      string        // in a signature
}

type field struct {
	key   []byte // encoded
	index int    // in the struct
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

// measured sets the length of the shortest encoding, by which a count is
// compared with what is left before memory is set aside for it.
func (s *shape) measured() *shape {
	switch s.kind {
	case floatKind:
		s.min = 3
	case sliceKind:
		s.min, s.empty = 1, reflect.MakeSlice(s.t, 0, 0)
	case arrayOfBytesKind:
		s.min = headLen(s.n) + s.n
	case arrayKind:
		s.min = headLen(s.n) + capped(s.n)*s.elem.min
	case structKind:
		s.min = headLen(uint64(len(s.fields)))
		for _, f := range s.fields {
			s.min += uint64(len(f.key)) + f.shape.min
		}
	default:
		s.min = 1
	}
	s.min = capped(s.min)
	return s
}

// capped keeps products of lengths from overflowing. Nothing of that length can
// cross.
func capped(n uint64) uint64 { return min(n, 2*maxBody) }
