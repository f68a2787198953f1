package ocall

import (
	"bytes"
	"net"
	"sync"
	"syscall"
)

// writer sends whole frames and never makes its caller wait: what the kernel
// does not take at once goes on from a goroutine. Frames that come while one is
// being written wait together and leave in one write.
//
// What waits is bounded by the calls in flight and their limits.
type writer struct {
	nc  net.Conn
	raw syscall.RawConn // nil if nc has none

	mu      sync.Mutex
	busy    bool // someone is writing
	waiting queue
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

// write sends frame, or keeps it to send: a copy if it is short, and otherwise
// frame itself, which its caller must not use again. An error is final.
func (w *writer) write(frame []byte) error {
	if mine, err := w.begin(frame); !mine {
		return err
	}
	n, err := w.try(frame)

	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	if n < len(frame) {
		w.waiting.unshift(frame[n:])
	}
	if w.busy = len(w.waiting) > 0; w.busy {
		w.flushing.Go(w.flush)
	}
	return err
}

// begin reports whether its caller is to write frame. Otherwise frame waits for
// whoever is writing.
func (w *writer) begin(frame []byte) (mine bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine = w.err == nil && !w.busy
	if w.err == nil && w.busy {
		w.waiting.push(frame)
	}
	w.busy = w.busy || mine
	return mine, w.err
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

// flush writes until nothing waits. It owns busy.
func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 && w.err == nil {
		batch := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.mu.Unlock()
		_, err := w.nc.Write(batch)
		w.mu.Lock()
		w.err = err
	}
	if w.waiting = nil; w.err != nil {
		w.nc.Close() // whoever reads from it hears of the end
	}
	w.busy = false
}

// drain waits for the flush under way, if any.
func (w *writer) drain() { w.flushing.Wait() }

// queue is what waits to be written, each element in one write: a long frame by
// itself, or short ones together.
type queue [][]byte

func (q *queue) push(frame []byte) {
	last := len(*q) - 1
	if last >= 0 && len((*q)[last])+len(frame) <= keepBuffer {
		(*q)[last] = append((*q)[last], frame...)
		return
	}
	*q = append(*q, own(frame))
}

func (q *queue) unshift(frame []byte) { *q = append(queue{own(frame)}, *q...) }

// own copies what its caller will use again: see calling and keepBuffer.
func own(frame []byte) []byte {
	if cap(frame) > keepBuffer {
		return frame
	}
	return bytes.Clone(frame)
}
