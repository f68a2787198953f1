package door

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// server answers what arrives at a listener, which it owns: first the door's
// own calls that test it, then the child's.
type server struct {
	listener listener
	tester   int           // the filtered thread of this process
	launched chan launched // one, or closed without

	working sync.WaitGroup
	mu      sync.Mutex
	workers int
	idle    int  // of them, that wait for a call
	closing bool // the child has ended
}

// Calls are answered by the worker that received them: a hand-over to another
// goroutine costs more than most answers. So that a slow answer holds up
// nobody, somebody else must be waiting by then.
const (
	maxWorkers = 64 // further calls wait in the kernel
	minIdle    = 2
	maxIdle    = 4
)

func newServer(l listener) *server {
	return &server{listener: l, tester: unix.Gettid(), launched: make(chan launched, 1)}
}

// serve returns when the child has ended, which leaves no process behind.
func (s *server) serve() {
	defer s.listener.close()
	if s.serveTest() != nil {
		return // closing the listener ends the test, badly
	}
	l, ok := <-s.launched
	if !ok {
		return
	}
	for range minIdle {
		s.hire(l)
	}
	s.working.Wait()
}

// hire starts a worker.
func (s *server) hire(l launched) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.workers == maxWorkers {
		return
	}
	s.workers++
	s.idle++
	s.working.Go(func() { s.work(l) })
}

func (s *server) work(l launched) {
	orderly := false
	defer func() {
		if !orderly && s.stay() { // the handler ended the goroutine: carry on in another
			s.working.Go(func() { s.work(l) })
		}
	}()
	for {
		n, err := s.listener.receive()
		last := s.take()
		if err != nil {
			l.child.fail(fmt.Errorf("waiting for a call: %w", err))
		}
		if err != nil || int(n.thread) == s.tester {
			orderly = true
			s.leave()
			s.listener.respond(n.id, 0)
			return
		}
		if last {
			s.hire(l)
		}
		s.answer(l, n)
		if !s.stay() {
			orderly = true
			return
		}
	}
}

func (s *server) answer(l launched, n notification) {
	l.answer(pausedThread{process(n.thread), s.listener, n.id}, int(n.number), n.args)
}

// take makes an idle worker a busy one, and reports whether it was the last.
func (s *server) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle--
	return s.idle == 0
}

func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers--
}

// stay makes a busy worker an idle one, unless there are enough.
func (s *server) stay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle >= maxIdle && !s.closing {
		s.workers--
		return false
	}
	s.idle++
	return true
}

// dismiss ends the workers, each by a call from this, the tester's, thread:
// nothing else ends their wait on every kernel.
func (s *server) dismiss() {
	for s.remaining() > 0 {
		unix.Syscall(lastCall, 0, 0, 0)
	}
}

func (s *server) remaining() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	return s.workers
}
