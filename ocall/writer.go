package ocall

import (
	"net"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// writer sends whole frames and never makes its caller wait: what the kernel
// does not take at once goes on from a goroutine. Frames that come while one is
// being written wait together and leave in one write.
//
// What waits is bounded by the calls in flight, their limits and windows.
type writer struct {
	nc  net.Conn
	raw syscall.RawConn // nil if nc has none

	mu      sync.Mutex
	busy    bool // someone is writing
	waiting queue
	spare   [][]byte  // buffers for what waits next
	large   sync.Pool // of *[]byte, for long frames
	err     error

	// Of the attempt under way; fields, so that attempt need not allocate.
	attempt func(fd uintptr) bool
	buf     []byte
	n       int
	errno   error

	flushing sync.WaitGroup
}

func newWriter(nc net.Conn) *writer {
	w := &writer{nc: nc}
	if sc, ok := nc.(syscall.Conn); ok {
		w.raw, _ = sc.SyscallConn()
	}
	w.attempt = func(fd uintptr) bool {
		w.n, w.errno = writeNow(fd, w.buf)
		return true // once: the descriptor does not block
	}
	return w
}

// push keeps frame for the next flush: a copy if it is short, and otherwise
// frame itself, which its caller must not use again.
func (w *writer) push(frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	var spare []byte
	last := len(w.spare) - 1
	if last >= 0 {
		spare = w.spare[last]
	}
	if w.waiting.push(frame, spare) && last >= 0 {
		w.spare = w.spare[:last]
	}
}

// flush sends what waits, unless somebody does so already. If others are about
// to push as well, it lets them: one write then does for all. An error is
// final.
func (w *writer) flush(others bool) error {
	if mine, err := w.begin(); !mine {
		return err
	}
	if others {
		runtime.Gosched()
	}
	for range 2 { // what came meanwhile too, but not for ever
		if done, err := w.next(); done {
			return err
		}
	}
	w.flushing.Go(w.rest)
	return nil
}

// begin reports whether its caller is to write, and if so makes w busy.
func (w *writer) begin() (mine bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine = w.err == nil && !w.busy && len(w.waiting) > 0
	w.busy = w.busy || mine
	return mine, w.err
}

// next writes what waits as one piece, without waiting itself. It reports
// whether nothing is left to its caller, which owns busy.
func (w *writer) next() (done bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.busy = false
		return true, nil
	}
	p := w.waiting.take()
	w.mu.Unlock()
	n, err := w.try(p.left())
	w.mu.Lock()
	p.sent += n
	switch {
	case err != nil:
		w.fail(err)
		return true, err
	case len(p.left()) > 0:
		w.waiting.unshift(p)
		w.flushing.Go(w.rest)
		return true, nil
	}
	w.keep(p.bytes)
	w.busy = len(w.waiting) > 0
	return !w.busy, nil
}

// try writes what can be written without waiting.
func (w *writer) try(b []byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	w.buf = b
	if err := w.raw.Write(w.attempt); err != nil {
		return 0, err
	}
	w.buf = nil
	switch w.errno {
	case nil:
		return w.n, nil
	case syscall.EAGAIN, syscall.EINTR:
		return 0, nil
	}
	return 0, w.errno
}

// rest writes until nothing waits. It owns busy.
func (w *writer) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 && w.err == nil {
		p := w.waiting.take()
		w.mu.Unlock()
		_, err := w.nc.Write(p.left())
		w.mu.Lock()
		if w.keep(p.bytes); err != nil {
			w.fail(err)
		}
	}
	w.busy = false
}

func (w *writer) fail(err error) {
	w.err, w.busy, w.waiting = err, false, nil
	hangUp(w.nc) // whoever reads from it hears of the end
}

// room returns a buffer for a frame with a body of n bytes, or the one given if
// that will do.
func (w *writer) room(frame []byte, n int) []byte {
	n += headerSize
	if n <= keepBuffer {
		return frame
	}
	if b, _ := w.large.Get().(*[]byte); b != nil && cap(*b) >= n {
		return (*b)[:headerSize]
	}
	return make([]byte, headerSize, n)
}

// keep has b used again.
func (w *writer) keep(b []byte) {
	switch {
	case cap(b) > keepBuffer:
		w.large.Put(&b)
	case len(w.spare) < keepBuffers:
		w.spare = append(w.spare, b[:0])
	}
}

// drain waits for what flush left to a goroutine, if anything.
func (w *writer) drain() { w.flushing.Wait() }

// queue is what waits to be written, each element in one write: a long frame by
// itself, or short ones together.
type queue []piece

type piece struct {
	bytes []byte
	sent  int
}

func (p piece) left() []byte { return p.bytes[p.sent:] }

// push reports whether it used spare.
func (q *queue) push(frame, spare []byte) bool {
	if last := len(*q) - 1; last >= 0 && len((*q)[last].bytes)+len(frame) <= keepBuffer {
		(*q)[last].bytes = append((*q)[last].bytes, frame...)
		return false
	}
	if cap(frame) > keepBuffer { // its caller keeps it for nothing else
		*q = append(*q, piece{bytes: frame})
		return false
	}
	*q = append(*q, piece{bytes: append(slices.Grow(spare, readBuffer), frame...)})
	return true
}

func (q *queue) take() piece {
	first := (*q)[0]
	n := copy(*q, (*q)[1:])
	(*q)[n] = piece{}
	*q = (*q)[:n]
	return first
}

func (q *queue) unshift(p piece) { *q = append(queue{p}, *q...) }
