package ocall

import (
	"context"
	"time"
)

// pace is the one timer of a connection. A call neither sets a timer nor reads
// a clock, which costs an exit from the enclave: the tick that first sees it
// reads the clock for all, and sets its deadline. So a call is given up no
// earlier than its timeout, and about a tick, 20 milliseconds, after it at most.
//
// Ticks end when nothing is in flight, and are as far apart as they can be when
// nothing is new.
type pace struct {
	timer *time.Timer
	began time.Time
	soon  bool // the next tick is a tick away
}

// deadline is when to give something up.
type deadline struct {
	timeout time.Duration // 0: never
	at      time.Duration // since pace began; 0: not seen by a tick yet
}

// restart sees to it that the next tick comes soon.
func (p *pace) restart() {
	if !p.soon {
		p.soon = true
		p.timer.Reset(tick)
	}
}

// left is how long k may still take, whose connection l was lost. What no tick
// saw is new.
func (k *calling) left(l *line) time.Duration {
	if k.deadline.at == 0 {
		return k.deadline.timeout
	}
	return k.deadline.at - time.Since(l.pace.began)
}

// sweep is what one tick saw.
type sweep struct {
	now  time.Duration
	next time.Duration // the earliest deadline; 0: none
	new  bool
}

// passed reports whether d has.
func (s *sweep) passed(d *deadline) bool {
	switch {
	case d.timeout == 0:
		return false
	case d.at == 0:
		d.at = s.now + d.timeout
		s.new = true
	case d.at <= s.now:
		return true
	}
	if s.next == 0 || d.at < s.next {
		s.next = d.at
	}
	return false
}

// rearm sets the timer by what was seen.
func (p *pace) rearm(s sweep) {
	p.soon = s.new
	switch {
	case s.new:
		p.timer.Reset(tick)
	case s.next > 0:
		p.timer.Reset(s.next - s.now)
	}
}

// tick gives up what has waited for too long.
func (l *line) tick() {
	l.mu.Lock()
	if l.err == nil {
		s := sweep{now: time.Since(l.pace.began)}
		for i := range l.slots {
			l.sweepSlot(&s, &l.slots[i])
		}
		for i := range l.limits {
			l.sweepQueue(&s, &l.limits[i].waiting)
		}
		for _, m := range l.sweepQueue(&s, &l.queue) {
			l.leave(m)
		}
		l.admit()
		again, now := l.receiver.doubt.check()
		if s.new = s.new || again; now {
			l.receiver.verify()
		}
		l.pace.rearm(s)
	}
	l.mu.Unlock()
	l.flush()
}

func (l *line) sweepSlot(s *sweep, slot *slot) {
	k := slot.calling
	switch {
	case k == nil:
	case k.flow != nil && k.flow.tick(s):
		l.abandon(slot)
		k.flow.fail(context.DeadlineExceeded)
	case k.flow == nil && s.passed(&k.deadline):
		l.abandon(slot)
		k.done <- result{err: context.DeadlineExceeded}
	}
}

// sweepQueue gives up who has waited for too long, and returns whose calls they
// were.
func (l *line) sweepQueue(s *sweep, q *fifo[*calling]) (gone []*method) {
	kept := q.waiting()[:0]
	for _, k := range q.waiting() {
		if s.passed(&k.deadline) {
			gone = append(gone, k.method)
			k.done <- result{err: errNoTurn} // k is its caller's from here on
			continue
		}
		kept = append(kept, k)
	}
	q.keep(kept)
	return gone
}
