package ocall

func cost(body []byte) uint64 { return uint64(len(body)) + chunkCost }

// portion is a part of a window, and where what is said of it was pushed.
type portion struct {
	at position
	n  uint64
}

// heard takes from q what the other half can have heard of.
func (w *writer) heard(q *fifo[portion]) (n uint64) {
	for q.len() > 0 && w.offered(q.waiting()[0].at) {
		n += q.take().n
	}
	return n
}

// wait is one direction's for the peer.
type wait struct {
	waits    bool
	deadline deadline
	wake     chan struct{} // holds one: look again
}

// start has the deadline count from here, unless this goes on with a wait that
// ended in vain.
func (w *wait) start(again bool) {
	if w.waits = true; !again {
		w.deadline.at = 0
	}
}

// stop reports whether there was a wait.
func (w *wait) stop() (was bool) {
	was, w.waits = w.waits, false
	return was
}

// tick reports whether the wait has been too long.
func (w *wait) tick(s *sweep) bool { return w.waits && s.passed(&w.deadline) }

// suits reports whether b has room for n bytes, and not much more: what it keeps
// of memory, the window has to bear.
func suits(b []byte, n uint32) bool {
	return uint64(n) <= uint64(cap(b)) && uint64(cap(b)) <= 2*(uint64(n)+chunkCost)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
