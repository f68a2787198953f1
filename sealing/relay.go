package sealing

import (
	"runtime"
	"sync"
)

// relay does three things with every number below count: before and after it
// calls in order and one at a time, work on all cores. No more than batch
// numbers are between before and after at a time. It ends early when before or
// after has reported false and after has been called for all that were begun.
//
// It never waits by spinning.
func relay(count int, before func(i int) bool, work func(i int), after func(i int) bool) {
	others := runtime.GOMAXPROCS(0) - 1
	if count < 2 || others == 0 {
		for i := 0; i < count && before(i); i++ {
			if work(i); !after(i) {
				return
			}
		}
		return
	}
	l := &line{work: work, most: others}
	l.more.L, l.done.L = &l.mu, &l.mu
	defer l.close()
	more := true
	for ended := 0; ; {
		switch {
		case l.finished(ended):
			more = after(ended) && more
			ended++
		case more && l.begun-ended < batch && l.begun < count:
			if more = before(l.begun); more {
				l.begin()
			}
		case l.begun == ended:
			return
		default:
			l.help(ended)
		}
	}
}

func always(int) bool { return true }

// line is where numbers wait to be worked on.
type line struct {
	work func(i int)
	most int // workers beside the caller

	mu      sync.Mutex
	more    sync.Cond // there is another number, or will never be
	done    sync.Cond // one has been worked on
	begun   int       // numbers; written by the caller alone
	taken   int       // of these, by somebody
	ready   [batch]bool
	working int // numbers that somebody works on now
	workers int
	closed  bool

	panicked any // what work has panicked with
}

// begin offers the next number. Another worker is worth its start if there is
// something for it to do beside what the caller will take.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	if l.begun-l.taken > 1 && l.workers < l.most {
		l.workers++
		go l.worker()
	}
	l.more.Signal()
}

func (l *line) worker() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for l.taken == l.begun && !l.closed {
			l.more.Wait()
		}
		if l.closed {
			return
		}
		l.take()
		l.done.Signal()
	}
}

// take works on a number. It is called with the lock, and gives it up meanwhile.
// A panic is the caller's of relay, wherever it happens.
func (l *line) take() {
	i := l.taken
	l.taken++
	l.working++
	l.mu.Unlock()
	defer func() {
		p := recover()
		l.mu.Lock()
		l.working--
		l.ready[i%batch] = true
		if p != nil {
			l.panicked = p
		}
	}()
	l.work(i)
}

// help takes a number if there is one, and waits for number i if not.
func (l *line) help(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken < l.begun {
		l.take()
		return
	}
	for !l.ready[i%batch] {
		l.done.Wait()
	}
}

// finished reports once whether number i has been worked on.
func (l *line) finished(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.panicked != nil {
		panic(l.panicked)
	}
	ready := l.ready[i%batch]
	l.ready[i%batch] = false
	return ready
}

// close waits, after a panic, for what is still being worked on, which uses the
// caller's memory.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.more.Broadcast()
	for l.working > 0 {
		l.done.Wait()
	}
}
