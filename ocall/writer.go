package ocall

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// writer sends whole frames and never makes its caller wait: what the kernel
// does not take at once goes on from a goroutine. Frames that come while one is
// being written wait together and leave in one write.
//
// What waits is bounded by the calls in flight, their limits and windows,
// because nothing is taken for an answer to what the other half cannot have
// read: see offered.
type writer struct {
	nc  net.Conn
	raw syscall.RawConn // nil if nc has none

	mu      sync.Mutex
	busy    bool  // someone is writing
	under   piece // way
	waiting fifo[piece]
	pushed  position
	spare   [][]byte // buffers for what waits next
	err     error

	shelf shelf         // for long frames
	begun atomic.Uint64 // position up to which the kernel has seen what was pushed

	// Of the attempt under way; fields, so that attempt need not allocate.
	attempt func(fd uintptr) bool
	buf     []byte
	n       int
	errno   error

	flushing sync.WaitGroup
}

// position is that of a byte among those pushed, from 1.
type position uint64

func newWriter(nc net.Conn) *writer {
	w := &writer{nc: nc}
	if sc, ok := nc.(syscall.Conn); ok && canReadNow {
		w.raw, _ = sc.SyscallConn()
	}
	w.attempt = func(fd uintptr) bool {
		w.n, w.errno = writeSome(fd, w.buf)
		return true // the descriptor does not block
	}
	return w
}

// push keeps frame for the next flush: a copy if it is short, and otherwise
// frame itself, which its caller must not use again. It returns where frame
// begins.
func (w *writer) push(frame []byte) (at position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at = w.pushed + 1
	if w.err != nil {
		return at
	}
	w.pushed += position(len(frame))
	switch joined := w.join(frame); {
	case joined:
	case cap(frame) > keepBuffer: // its caller keeps it for nothing else
		w.waiting.push(piece{bytes: frame, end: w.pushed})
	default:
		w.waiting.push(piece{bytes: append(w.small(), frame...), end: w.pushed})
	}
	return at
}

// join adds frame to what waits last, if both are short.
func (w *writer) join(frame []byte) bool {
	n := w.waiting.len()
	if n == 0 {
		return false
	}
	last := &w.waiting.waiting()[n-1]
	if len(last.bytes)+len(frame) > keepBuffer {
		return false
	}
	last.bytes, last.end = append(last.bytes, frame...), w.pushed
	return true
}

// offered reports whether the other half can have seen anything of the frame
// that begins there. It cannot have answered what it has not seen.
func (w *writer) offered(at position) bool { return position(w.begun.Load()) >= at }

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
	mine = w.err == nil && !w.busy && w.waiting.len() > 0
	w.busy = w.busy || mine
	return mine, w.err
}

// load has what waits longest be under way, if nothing is. It reports whether
// something is then.
func (w *writer) load() bool {
	if len(w.under.left()) > 0 {
		return true
	}
	w.keep(w.under.bytes)
	w.under = piece{}
	if w.waiting.len() == 0 || w.err != nil {
		return false
	}
	w.under = w.waiting.take()
	w.begun.Store(uint64(w.under.end))
	return true
}

// next writes what waits as one piece, without waiting itself. It reports
// whether nothing is left to its caller, which owns busy.
func (w *writer) next() (done bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.load() {
		w.busy = false
		return true, w.err
	}
	w.mu.Unlock()
	n, err := w.try(w.under.left())
	w.mu.Lock()
	w.under.sent += n
	switch {
	case err != nil:
		w.fail(err)
		return true, err
	case len(w.under.left()) > 0:
		w.flushing.Go(w.rest)
		return true, nil
	}
	w.busy = w.load()
	return !w.busy, nil
}

// try writes what can be written without waiting.
func (w *writer) try(b []byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	w.buf = b
	err := w.raw.Write(w.attempt)
	if w.buf = nil; err != nil {
		return 0, err
	}
	switch w.errno {
	case nil, syscall.EAGAIN, syscall.EINTR:
		return w.n, nil
	}
	return 0, w.errno
}

// writeSome writes what the kernel takes at once, of a long frame piece by piece.
func writeSome(fd uintptr, b []byte) (n int, err error) {
	for range writesInRow {
		var more int
		more, err = writeNow(fd, b[n:])
		if n += max(more, 0); err != nil || n == len(b) {
			break
		}
	}
	return n, err
}

// rest writes until nothing waits. It owns busy.
func (w *writer) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.load() {
		w.mu.Unlock()
		err := w.all(w.under.left())
		w.mu.Lock()
		if w.under.sent = len(w.under.bytes); err != nil {
			w.fail(err)
		}
	}
	w.busy = false
}

// all writes b, however long that takes.
func (w *writer) all(b []byte) error {
	if w.raw == nil {
		_, err := w.nc.Write(b)
		return err
	}
	var errno error
	err := w.raw.Write(func(fd uintptr) bool {
		for errno = nil; len(b) > 0 && (errno == nil || errno == syscall.EINTR); {
			var n int
			n, errno = writeSome(fd, b)
			b = b[n:]
		}
		return errno != syscall.EAGAIN
	})
	if err != nil {
		return err
	}
	return errno
}

func (w *writer) fail(err error) {
	w.err, w.waiting = err, fifo[piece]{}
	hangUp(w.nc) // whoever reads from it hears of the end
}

// drain waits for what flush left to a goroutine, if anything.
func (w *writer) drain() { w.flushing.Wait() }

// piece is what one write is for: a long frame by itself, or short ones
// together.
type piece struct {
	bytes []byte
	sent  int
	end   position
}

func (p piece) left() []byte { return p.bytes[p.sent:] }
