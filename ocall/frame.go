package ocall

import (
	"encoding/binary"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// kind says what a frame is. Zero is none.
type kind uint8

const (
	kindHello   kind = 1 // both ways, first
	kindSurface kind = 2 // both ways, if fingerprints differ
	kindRequest kind = 3 // to the host: a call, or the beginning of a stream
	kindCancel  kind = 4 // to the host: nobody waits any more
	kindAnswer  kind = 5 // from the host, last: a response, or the end of a stream
	kindFailure kind = 6 // from the host, last: an error instead
	kindChunk   kind = 7 // both ways, in a stream
	kindCredit  kind = 8 // both ways, in a stream: so much more may be sent
	kindEnd     kind = 9 // to the host, in a stream: no more chunks
)

const (
	headerSize = 16
	creditSize = 4 // body of a credit
	endSize    = 8 // body of an end, and of an answer that ends a stream
)

// header begins every frame:
//
//	0 kind u8 | 1 zero u8 | 2 call u16 | 4 id u64 | 12 length u32
type header struct {
	kind   kind
	call   uint16 // line of the surface
	id     id
	length uint32 // of the body that follows
}

// id names a call in flight: its slot, and how often the slot was used before.
type id struct{ slot, generation uint32 }

func (h header) append(b []byte) []byte {
	b = append(b, byte(h.kind), 0)
	b = binary.LittleEndian.AppendUint16(b, h.call)
	b = binary.LittleEndian.AppendUint32(b, h.id.slot)
	b = binary.LittleEndian.AppendUint32(b, h.id.generation)
	return binary.LittleEndian.AppendUint32(b, h.length)
}

// frame makes a frame of b, which has room for the header in front.
func (h header) frame(b []byte) []byte { return h.begin(b, nil) }

// begin is frame for a body that goes on with tail.
func (h header) begin(b, tail []byte) []byte {
	h.length = uint32(len(b) - headerSize + len(tail))
	h.append(b[:0])
	return b
}

// number is a frame whose body is n: a credit, or an end.
func (h header) number(n uint64, size int) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, headerSize, headerSize+8), n)
	return h.frame(b[:headerSize+size])
}

// readNumber reads the body of such a frame.
func readNumber(body []byte) (n uint64) {
	for i, c := range body {
		n |= uint64(c) << (8 * i)
	}
	return n
}

func parseHeader(b []byte) (h header, ok bool) {
	s := lebyte.String(b)
	ok = s.Uint8((*uint8)(&h.kind)) && s.Zero(1) && s.Uint16(&h.call) &&
		s.Uint32(&h.id.slot) && s.Uint32(&h.id.generation) && s.Uint32(&h.length) && s.Empty()
	return h, ok && h.kind >= kindHello && h.kind <= kindEnd
}
