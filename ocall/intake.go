package ocall

import (
	"errors"
	"io"
)

// intake takes frames out of the bytes of a connection, in whatever pieces they
// come: through one buffer, or, where a body is longer than what the buffer has
// of it, exactly to where the body will stay.
type intake struct {
	frames frames
	most   int // bytes asked for at once
	buffer []byte
	from   int // what was taken
	to     int // what has come

	// Of a body that is under way.
	head header
	body []byte
	rest int  // bytes to come
	drop bool // as they come
}

// frames are whom they are for.
type frames interface {
	// place returns where the body of h should be put, which has not come as a
	// whole. If drop, that is nowhere. Nothing was set aside for it before.
	place(h header) (body []byte, drop bool, err error)

	// take handles a frame. Its body is to be copied unless it is owned.
	take(h header, body []byte, owned bool) error
}

func newIntake(f frames, buffer, most int) *intake {
	return &intake{frames: f, most: most, buffer: make([]byte, buffer)}
}

// room is where the next bytes go.
func (in *intake) room() []byte {
	if in.rest == 0 || in.drop {
		return in.buffer[in.to:]
	}
	have := len(in.body)
	if have == cap(in.body) {
		in.body = append(make([]byte, 0, have+min(max(have, firstRoom), in.rest)), in.body...) // no more: it may come back
	}
	return in.body[have:min(cap(in.body), have+in.rest, have+in.most)]
}

// came takes n bytes that were put in room.
func (in *intake) came(n int) error {
	switch {
	case in.rest == 0:
		in.to += n
	case in.drop:
		in.to += n
		in.from = min(in.rest, in.to)
		in.rest -= in.from
	default:
		in.body = in.body[:len(in.body)+n]
		in.rest -= n
	}
	if in.rest > 0 {
		in.compact()
		return nil
	}
	if err := in.finish(); err != nil {
		return err
	}
	return in.parse()
}

// finish ends a body that was under way.
func (in *intake) finish() error {
	if in.head.kind == 0 {
		return nil
	}
	h, body := in.head, in.body
	in.head, in.body, in.drop = header{}, nil, false
	return in.frames.take(h, body, true)
}

// parse takes the frames that the buffer has.
func (in *intake) parse() error {
	for in.to-in.from >= headerSize {
		b := in.buffer[in.from:in.to]
		h, ok := parseHeader(b[:headerSize])
		if !ok {
			return violation("%x is no frame", b[:headerSize])
		}
		b = b[headerSize:]
		if uint64(h.length) > uint64(len(b)) {
			return in.begin(h, b)
		}
		if err := in.frames.take(h, b[:h.length:h.length], false); err != nil {
			return err
		}
		in.from += headerSize + int(h.length)
	}
	in.compact()
	return nil
}

// begin has the rest of a body come to its place, after what has come of it.
func (in *intake) begin(h header, have []byte) (err error) {
	if in.body, in.drop, err = in.frames.place(h); err != nil {
		return err
	}
	if in.head, in.rest = h, int(h.length)-len(have); !in.drop {
		in.body = append(in.body[:0], have...)
	}
	in.from, in.to = 0, 0
	return nil
}

// compact makes room behind what was not taken, less than a header.
func (in *intake) compact() {
	in.to = copy(in.buffer, in.buffer[in.from:in.to])
	in.from = 0
}

// end is what the end of the connection means here.
func (in *intake) end() error {
	if in.rest > 0 || in.to > in.from {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// placeFor is a place for a body of a length that was compared with its limit.
// What was announced has not come: beyond a megabyte, more is set aside as it
// does.
func placeFor(n uint32) []byte { return make([]byte, 0, min(n, firstRoom)) }

// placeFrom is placeFor where the body's memory comes back: in a buffer of at
// most that many bytes, if there is one. Behind the body is then what was there
// before: see clipped.
func placeFrom(s *shelf, n, most uint32) []byte {
	if b := s.take(int(n), int(min(2*n, most))); b != nil {
		return b
	}
	return placeFor(n)
}

// clipped is body without what may be behind it.
func clipped(body []byte) []byte { return body[:len(body):len(body)] }

// errInterrupted is when a wait was ended by interrupt.
var errInterrupted = errors.New("interrupted")
