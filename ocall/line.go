package ocall

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// line is one connection of the trusted half. It ends once, for every call.
type line struct {
	link
	receiver  receiver
	late      *atomic.Uint64
	delivered int // frames since the last read, which alone uses it

	mu     sync.Mutex
	slots  [inFlight]slot
	free   []*slot
	queue  fifo    // calls that wait for a slot
	limits []turns // of calls that have their own, by index
	pace   pace
	err    error
}

func newLine(nc net.Conn, methods []*method, late *atomic.Uint64) *line {
	l := &line{late: late, limits: make([]turns, len(methods))}
	l.link = newLink(nc)
	l.receiver = receiver{nc: nc, in: newIntake(l, readBuffer, readMost), idle: l.yield, look: l.look}
	for i, m := range methods {
		l.limits[i].most = m.concurrency
	}
	for i := range l.slots {
		l.slots[i].id.slot = uint32(i)
		l.free = append(l.free, &l.slots[i])
	}
	l.pace.began = time.Now()
	l.pace.timer = time.AfterFunc(time.Hour, l.tick)
	l.pace.timer.Stop()
	return l
}

// start sends the frame of k as a request, or has it wait for its turn.
func (l *line) start(k *calling) error {
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return l.err
	}
	k.deadline.at = 0
	l.pace.restart()
	if l.limits[k.method.index].enter(k) {
		l.enter(k)
	}
	l.mu.Unlock()
	l.flush()
	return nil
}

// enter gives k a slot, or has it wait for one.
func (l *line) enter(k *calling) {
	last := len(l.free) - 1
	if last < 0 {
		l.queue = append(l.queue, k)
		return
	}
	s := l.free[last]
	l.free = l.free[:last]
	l.occupy(s, k)
}

func (l *line) occupy(s *slot, k *calling) {
	s.call, s.calling, s.flow, k.slot = k.method, k, k.flow, s
	l.out.push(s.header(kindRequest).frame(k.frame))
	if k.flow != nil {
		k.flow.open(s.header(0))
		k.done <- result{}
	}
}

// release ends the use of s, which was answered: from here on a second answer
// is an answer to no call.
func (l *line) release(s *slot) {
	call := s.call
	s.id.generation++
	s.call, s.calling, s.flow = nil, nil, nil
	if next := l.limits[call.index].leave(); next != nil {
		l.queue = append(l.queue, next)
	}
	if len(l.queue) > 0 {
		l.occupy(s, l.queue.take())
		return
	}
	l.free = append(l.free, s)
}

// abandon leaves s to the late answer.
func (l *line) abandon(s *slot) {
	s.calling = nil
	l.out.push(s.header(kindCancel).frame(make([]byte, headerSize)))
}

// wait returns what came of k. It returns when ctx ends, whatever else happens.
func (l *line) wait(ctx context.Context, k *calling) result {
	ended := ctx.Done()
	if ended == nil {
		return <-k.done
	}
	select {
	case r := <-k.done:
		return r
	case <-ended:
		return l.giveUp(k, ctx.Err())
	}
}

// giveUp ends the wait for k because of err, unless something came meanwhile.
func (l *line) giveUp(k *calling, err error) result {
	l.mu.Lock()
	switch {
	case k.slot != nil && k.slot.calling == k && k.flow == nil:
		l.abandon(k.slot)
	case k.slot == nil && (l.queue.remove(k) || l.limits[k.method.index].waiting.remove(k)):
	default:
		l.mu.Unlock()
		return <-k.done
	}
	l.mu.Unlock()
	l.flush()
	return result{err: err}
}

// fail ends l for every call, with err.
func (l *line) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = gone(err)
	l.pace.timer.Stop()
	for i := range l.slots {
		l.slots[i].fail(l.err)
	}
	l.failQueue(&l.queue)
	for i := range l.limits {
		l.failQueue(&l.limits[i].waiting)
	}
	hangUp(l.nc)
}

func (s *slot) fail(err error) {
	switch k := s.calling; {
	case k == nil:
	case k.flow != nil:
		k.flow.fail(err)
	default:
		k.done <- result{err: err}
	}
	s.calling = nil
}

func (l *line) failQueue(q *fifo) {
	for _, k := range *q {
		k.done <- result{err: l.err}
	}
	*q = nil
}

func (l *line) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// flush sends what was pushed, in company with what other callers are about to.
func (l *line) flush() {
	l.mu.Lock()
	others := len(l.free) < inFlight-1
	l.mu.Unlock()
	if err := l.out.flush(others); err != nil {
		l.fail(err)
	}
}

// quit gives the stream of k up because of err, unless it has ended.
func (l *line) quit(k *calling, err error) {
	l.mu.Lock()
	if k.slot.calling == k {
		l.abandon(k.slot)
	}
	k.flow.fail(err)
	l.mu.Unlock()
	l.flush()
}
