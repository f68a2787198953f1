package sealing

import (
	"fmt"
	"io"
	"math"
)

// Reader opens a stream, in order and in one pass. What it hands out is
// authentic, and in its place, but only at io.EOF is it clear that it was all:
// a blob cut short ends with [ErrOpen]. Where half of a plaintext must not be
// acted on, use [Sealer.Open] or [Sealer.NewReaderAt].
//
// A Reader is for one goroutine at a time, and uses up to 15 cores itself for
// reads of 128 KiB and more and for WriteTo, with less than 1 MiB of memory. Read
// may use all of p while it runs, as any io.Reader may.
type Reader struct {
	r     io.Reader
	blob  *sealed
	next  uint64 // number of the next chunk
	buf   []byte
	ready []byte // of buf: opened, to be handed out
	err   error  // what comes after ready
}

// NewReader reads the header of a blob, and returns a Reader of its plaintext.
// Errors are as for [Sealer.Open], and r's.
func (s *Sealer) NewReader(r io.Reader, additional []byte) (*Reader, error) {
	lead := make([]byte, leadSize)
	n, err := io.ReadFull(r, lead)
	if err != nil && !ended(err) {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	b, err := s.verify(lead[:n], -1, additional)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return &Reader{r: r, blob: b}, nil
}

// Read implements [io.Reader].
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.ready) == 0 && r.err == nil {
		if full := len(p) / chunkSize; full > 0 {
			r.grow(min(full, batch))
			if n := r.into(p, full); n > 0 {
				return n, nil
			}
			continue
		}
		r.grow(1)
		r.open(1, func(int) []byte { return r.buf }, func(plain []byte) error {
			r.ready = plain
			return nil
		})
	}
	if len(r.ready) == 0 {
		return 0, r.shown()
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// into opens up to so many full chunks, or less and the last, to p.
func (r *Reader) into(p []byte, full int) (n int) {
	r.open(full, func(i int) []byte { return part(p, i) }, func(plain []byte) error {
		n += len(plain)
		return nil
	})
	return n
}

// WriteTo writes all of the plaintext to w, on all cores: it is what [io.Copy]
// calls.
func (r *Reader) WriteTo(w io.Writer) (n int64, err error) {
	write := func(plain []byte) error {
		if len(plain) == 0 {
			return nil
		}
		m, err := put(w, plain)
		n += int64(m)
		if err != nil {
			return sinkError{err}
		}
		return nil
	}
	if err := write(r.ready); err != nil {
		r.err = err
	}
	r.ready = nil
	r.grow(batch)
	if r.err == nil {
		r.open(math.MaxInt, func(i int) []byte { return slot(r.buf, i) }, write)
	}
	if sink, ok := r.err.(sinkError); ok {
		return n, sink.error
	}
	if r.err != io.EOF {
		err = r.shown()
	}
	return n, err
}

// sinkError is what a sink has returned. It ends the Reader, and is never its
// io.EOF.
type sinkError struct{ error }

// open reads up to count chunks and opens each to where to says. It calls use
// with the plaintext of one after the other, and sets r.err for what comes
// after these.
func (r *Reader) open(count int, to func(i int) []byte, use func(plain []byte) error) {
	first := r.next
	var last []byte
	var err error
	var authentic [batch]bool
	whole := false
	defer func() {
		if !whole { // something has panicked: chunks may be missing
			r.err = errPanicked
		}
	}()
	relay(count, func(i int) bool {
		var n int
		n, err = io.ReadFull(r.r, slot(r.buf, i))
		last = slot(r.buf, i)[:n]
		return err == nil
	}, func(i int) {
		authentic[i%batch] = r.blob.open(to(i), slot(r.buf, i), first+uint64(i))
	}, func(i int) bool {
		r.next++
		switch {
		case r.err != nil: // of one before
		case r.next >= maxChunks:
			r.err = errTruncated
		case !authentic[i%batch]:
			r.err = r.blob.refused
		default:
			r.err = use(to(i)[:chunkSize])
		}
		return r.err == nil
	})
	whole = true
	switch {
	case r.err != nil:
	case ended(err):
		r.err = r.end(to(int(r.next-first)), last, use)
	default:
		r.err = err
	}
}

// end opens the last chunk.
func (r *Reader) end(to, sealed []byte, use func(plain []byte) error) error {
	plain, err := r.blob.openLast(to, sealed, r.next)
	if err == nil {
		err = use(plain)
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

func (r *Reader) grow(count int) {
	if len(r.buf) < count*sealedChunk {
		r.buf = make([]byte, count*sealedChunk)
	}
}

// shown is r.err as the package's.
func (r *Reader) shown() error {
	if r.err == io.EOF {
		return io.EOF
	}
	return fmt.Errorf("sealing: %w", r.err)
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
