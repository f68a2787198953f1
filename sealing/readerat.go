package sealing

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ReaderAt opens a blob from anywhere. It implements [io.ReaderAt], and is
// safe for concurrent use if what it reads from is.
//
// A read opens the 64 KiB chunks that it touches and nothing else: one of
// 4 KiB one chunk, or two where it crosses from one to the next.
type ReaderAt struct {
	r       io.ReaderAt
	blob    *sealed
	size    int64 // of the plaintext
	buffers sync.Pool
}

var errOffset = errors.New("sealing: negative offset")

// NewReaderAt returns a ReaderAt for a blob of size bytes in r. It verifies
// the header and the last chunk, so that the blob is whole: everything else
// is verified when it is read.
func (s *Sealer) NewReaderAt(r io.ReaderAt, size int64, additional []byte) (*ReaderAt, error) {
	a, err := s.newReaderAt(r, size, additional)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return a, nil
}

func (s *Sealer) newReaderAt(r io.ReaderAt, size int64, additional []byte) (*ReaderAt, error) {
	lead := make([]byte, leadSize)
	n, err := r.ReadAt(lead, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	b, err := s.verify(lead[:n], max(size, 0), additional)
	if err != nil {
		return nil, err
	}
	plain, _ := plainSize(uint64(size - leadSize))
	a := &ReaderAt{r: r, blob: b, size: int64(plain)}
	a.buffers.New = func() any { return new([sealedChunk]byte) }
	last := a.size / chunkSize * chunkSize
	_, err = a.inChunk(nil, last)
	return a, err
}

// Size is that of the plaintext, in bytes. It is authentic.
func (a *ReaderAt) Size() int64 { return a.size }

// ReadAt implements [io.ReaderAt].
func (a *ReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errOffset
	}
	for n < len(p) && off < a.size {
		m, err := a.some(p[n:], off)
		if err != nil {
			return n, fmt.Errorf("sealing: %w", err)
		}
		n, off = n+m, off+int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// some reads what is in one chunk, or many if they are wanted whole.
func (a *ReaderAt) some(p []byte, off int64) (int, error) {
	full := int(min(int64(len(p)), a.size-off) / chunkSize)
	if off%chunkSize != 0 || full < 2 {
		return a.inChunk(p, off)
	}
	var failed error
	var errs [batch]error
	buf := make([]byte, min(full, batch)*sealedChunk)
	relay(full, always, func(i int) {
		at := off + int64(i)*chunkSize
		if errs[i%batch] = a.read(slot(buf, i), at); errs[i%batch] == nil && !a.blob.open(part(p, i), slot(buf, i), uint64(at/chunkSize)) {
			errs[i%batch] = a.blob.refused
		}
	}, func(i int) bool {
		failed = cmp.Or(failed, errs[i%batch])
		return failed == nil
	})
	return full * chunkSize, failed
}

// inChunk opens the chunk at off, which it may end before p does.
func (a *ReaderAt) inChunk(p []byte, off int64) (int, error) {
	buf := a.buffers.Get().(*[sealedChunk]byte)
	defer a.buffers.Put(buf)
	number, last := off/chunkSize, a.size/chunkSize
	if number < last {
		if err := a.read(buf[:], off); err != nil {
			return 0, err
		}
		if !a.blob.open(buf[:], buf[:], uint64(number)) {
			return 0, a.blob.refused
		}
		return copy(p, buf[off%chunkSize:chunkSize]), nil
	}
	sealed := buf[:a.size%chunkSize+tagSize]
	if err := a.read(sealed, off); err != nil {
		return 0, err
	}
	plain, err := a.blob.openLast(buf[:], sealed, uint64(number))
	if err != nil {
		return 0, err
	}
	return copy(p, plain[off%chunkSize:]), nil
}

// read fills sealed, from the chunk that plaintext at off is in. What ended
// before it should is a blob cut short.
func (a *ReaderAt) read(sealed []byte, off int64) error {
	n, err := a.r.ReadAt(sealed, leadSize+off/chunkSize*sealedChunk)
	switch {
	case n == len(sealed):
		return nil
	case err == nil || ended(err):
		return a.blob.refused
	}
	return err
}

// Reader returns a Reader from the start to the end, which has nothing in
// common with other readers.
func (a *ReaderAt) Reader() *Reader {
	size := int64(sealedSize(uint64(a.size)))
	return &Reader{r: io.NewSectionReader(a.r, leadSize, size), blob: a.blob}
}
