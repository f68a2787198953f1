package ocall

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// kind says what a frame is. Zero is none.
type kind uint8

const (
	kindHello   kind = 1 // both ways, first
	kindSurface kind = 2 // both ways, if fingerprints differ
	kindRequest kind = 3 // to the host
	kindCancel  kind = 4 // to the host: nobody waits any more
	kindAnswer  kind = 5 // from the host: a response
	kindFailure kind = 6 // from the host: a message instead
)

const headerSize = 16

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

func parseHeader(b []byte) (h header, ok bool) {
	s := lebyte.String(b)
	ok = s.Uint8((*uint8)(&h.kind)) && s.Zero(1) && s.Uint16(&h.call) &&
		s.Uint32(&h.id.slot) && s.Uint32(&h.id.generation) && s.Uint32(&h.length) && s.Empty()
	return h, ok && h.kind >= kindHello && h.kind <= kindFailure
}

// reader reads frames: what fits its buffer in one read, the rest of a longer
// body exactly.
type reader struct {
	*bufio.Reader
	head [headerSize]byte
}

func newReader(r io.Reader) reader { return reader{Reader: bufio.NewReaderSize(r, readBuffer)} }

func (r *reader) header() (header, error) {
	if _, err := io.ReadFull(r, r.head[:]); err != nil {
		return header{}, err
	}
	h, ok := parseHeader(r.head[:])
	if !ok {
		return header{}, violation("%x is no frame", r.head)
	}
	return h, nil
}

// body reads n bytes, which the caller has compared with their limit.
func (r *reader) body(n uint32) ([]byte, error) {
	b := make([]byte, n)
	for rest := b; len(rest) > 0; {
		part := rest[:min(len(rest), readMost)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, midway(err)
		}
		rest = rest[len(part):]
	}
	return b, nil
}

// skip reads past n bytes without keeping them.
func (r *reader) skip(n uint32) error {
	_, err := r.Discard(int(n))
	return midway(err)
}

func midway(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// gone is what the end of a connection comes to, given the error that ended it.
func gone(err error) error {
	switch {
	case errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w by the other half", ErrClosed)
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}
