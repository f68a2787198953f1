package sealing

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// Writer seals a stream. It must be closed: what comes before is a blob cut
// short, which does not open. A Writer is for one goroutine at a time, and
// uses up to 15 cores itself for writes of 128 KiB and more and for ReadFrom,
// with less than 1 MiB of memory. After an error it stays with that error.
type Writer struct {
	w    io.Writer
	blob *sealed
	next uint64 // number of the next chunk
	buf  []byte // sealed chunks; between calls, the plaintext of less than one
	held int    // how much of that
	err  error
}

var errClosed = errors.New("the Writer is closed")

// NewWriter writes the header of a blob to w, and returns a Writer that seals
// what is written to it, for the same additional data as in [Sealer.Seal]. The
// blob does not depend on how it was cut into writes.
func (s *Sealer) NewWriter(w io.Writer, additional []byte) (*Writer, error) {
	sealed, err := s.newWriter(w, additional, [32]byte{})
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed, nil
}

func (s *Sealer) newWriter(w io.Writer, additional []byte, predecessor [32]byte) (*Writer, error) {
	b, err := s.begin(additional, predecessor)
	if err != nil {
		return nil, err
	}
	if _, err := put(w, b.lead()); err != nil {
		return nil, err
	}
	return &Writer{w: w, blob: b}, nil
}

// Write seals p. From writes of 64 KiB and more, whole chunks are sealed where
// they are, without being copied.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		m := w.some(p)
		if p = p[m:]; w.err == nil {
			n += m
		}
	}
	return n, w.shown()
}

// some takes at least a part of p, and returns how much if that went well.
func (w *Writer) some(p []byte) int {
	if full := len(p) / chunkSize; full > 0 && w.held == 0 {
		w.grow(min(full, batch))
		w.seal(full, always, func(i int) []byte { return part(p, i) })
		return full * chunkSize
	}
	w.grow(1)
	n := copy(w.buf[w.held:chunkSize], p)
	if w.held += n; w.held == chunkSize {
		w.held = 0
		w.seal(1, always, func(int) []byte { return w.buf[:chunkSize] })
	}
	return n
}

// ReadFrom seals all of r, on all cores: it is what [io.Copy] calls. It
// returns when r ends, and does not close the Writer. Only [io.EOF] is an end:
// a source that was cut says [io.ErrUnexpectedEOF], which is an error like
// others.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	w.grow(batch)
	var last []byte // less than a chunk
	if w.err == nil {
		w.seal(math.MaxInt, func(i int) bool {
			plain := slot(w.buf, i)[:chunkSize]
			var m int
			m, err = fill(plain[w.held:], r)
			last, n, w.held = plain[:w.held+m], n+int64(m), 0
			return err == nil
		}, func(i int) []byte { return slot(w.buf, i)[:chunkSize] })
	}
	if err == io.EOF || w.err != nil {
		err = w.shown()
	}
	if len(last) < chunkSize {
		w.held = copy(w.buf, last)
	}
	return n, err
}

// seal seals and writes count full chunks, or fewer if there is no next one,
// from where plain says they are.
func (w *Writer) seal(count int, next func(i int) bool, plain func(i int) []byte) {
	first := w.next
	whole := false
	defer func() {
		if !whole { // something has panicked: chunks may be missing
			w.err = errPanicked
		}
	}()
	relay(count, func(i int) bool {
		if w.err != nil || !next(i) {
			return false
		}
		if first+uint64(i)+1 >= maxChunks {
			w.err = errTooLarge
		}
		return w.err == nil
	}, func(i int) {
		w.blob.seal(slot(w.buf, i), plain(i), first+uint64(i))
	}, func(i int) bool {
		if w.err == nil {
			w.next++
			_, w.err = put(w.w, slot(w.buf, i))
		}
		return w.err == nil
	})
	whole = true
}

var errPanicked = errors.New("a stream that panicked cannot be gone on with")

// fill reads until p is full, or to an error, which is r's own.
func fill(p []byte, r io.Reader) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	if n == len(p) {
		err = nil
	}
	return n, err
}

// put writes all of p. A sink that takes less without an error would make a
// blob that never opens.
func put(w io.Writer, p []byte) (n int, err error) {
	n, err = w.Write(p)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// grow makes room for count chunks.
func (w *Writer) grow(count int) {
	if len(w.buf) >= count*sealedChunk {
		return
	}
	buf := make([]byte, count*sealedChunk)
	copy(buf, w.buf[:w.held])
	w.buf = buf
}

// Close seals the last chunk and writes it. It does not close what the Writer
// writes to. The Writer is of no use afterwards.
func (w *Writer) Close() error {
	if w.err == errClosed {
		return nil
	}
	if w.err == nil {
		w.err = w.finish()
	}
	if w.err != nil {
		return w.shown()
	}
	w.buf, w.err = nil, errClosed
	return nil
}

// finish writes the last chunk.
func (w *Writer) finish() error {
	w.grow(1)
	_, err := put(w.w, w.blob.sealLast(w.buf, w.buf[:w.held], w.next))
	return err
}

// shown is w.err as the package's.
func (w *Writer) shown() error {
	if w.err == nil {
		return nil
	}
	return fmt.Errorf("sealing: %w", w.err)
}
