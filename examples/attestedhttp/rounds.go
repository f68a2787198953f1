package main

import (
	"context"
	"sync"
	"time"
)

// rounds ask one question for all who want to know the same: one at a time, and
// the next no sooner than a while after the last. An answer is for those who
// asked before the question was put, so that nobody is told what was true once,
// and however many ask, whoever has to answer is asked no more often.
type rounds struct {
	question func() (half, error)
	every    time.Duration

	mu   sync.Mutex
	next *round // what those wait for who have asked since the last began, or nil
	busy bool   // there is somebody who sees to the next
}

// round is one question. Its answer may be read once done is closed.
type round struct {
	done chan struct{}
	half half
	err  error
}

// ask waits for an answer no longer than ctx.
func (r *rounds) ask(ctx context.Context) (half, error) {
	n := r.join()
	select {
	case <-n.done:
		return n.half, n.err
	case <-ctx.Done():
		return half{}, ctx.Err()
	}
}

func (r *rounds) join() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &round{done: make(chan struct{})}
	}
	if !r.busy {
		r.busy = true
		go r.run()
	}
	return r.next
}

// run goes on until a while has passed in which nobody asked.
func (r *rounds) run() {
	for n := r.begin(); n != nil; n = r.begin() {
		n.half, n.err = r.question()
		close(n.done)
		time.Sleep(r.every)
	}
}

// begin is where those who ask are too late for this round.
func (r *rounds) begin() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.next
	r.next, r.busy = nil, n != nil
	return n
}
