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
	queue  fifo[*calling] // that wait for a slot
	memory memory
	limits []turns // of calls that have their own, by index
	pace   pace
	useful bool // something was answered
	err    error
}

func newLine(nc net.Conn, methods []*method, most uint64, late *atomic.Uint64) *line {
	l := &line{late: late, memory: memory{most: most}, limits: make([]turns, len(methods))}
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
	k.frame, k.tail = l.out.early(k.frame, k.tail)
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return l.err
	}
	k.line, k.deadline.at = l, 0
	l.pace.restart()
	if l.limits[k.method.index].enter(k) {
		l.enter(k)
	}
	if k.slot == nil && k.tail != nil { // somebody else will send it
		k.frame, k.tail = l.out.whole(k.frame, k.tail), nil
	}
	mine := k.slot != nil && k.mine
	l.mu.Unlock()
	if !mine {
		l.flush()
		return nil
	}
	if err := l.out.send(k.frame, k.tail); err != nil {
		l.fail(err)
	}
	return nil
}

// enter gives k a slot, or has it wait for one.
func (l *line) enter(k *calling) {
	l.queue.push(k)
	l.admit()
}

// admit gives slots to those who have waited longest, as far as there are any,
// and memory.
func (l *line) admit() {
	for len(l.free) > 0 {
		k := l.memory.admit(&l.queue)
		if k == nil {
			return
		}
		last := len(l.free) - 1
		s := l.free[last]
		l.free = l.free[:last]
		l.occupy(s, k)
	}
}

func (l *line) occupy(s *slot, k *calling) {
	s.share = l.memory.lend(k.method.memory)
	k.share = s.share
	s.call, s.calling, s.flow, k.slot = k.method, k, k.flow, s
	s.at, k.mine = l.out.pushLong(s.header(kindRequest).begin(k.frame, k.tail), k.tail)
	if k.flow != nil {
		k.flow.open(s.header(0))
		k.done <- result{}
	}
}

// release ends the use of s, which was answered: from here on a second answer
// is an answer to no call.
func (l *line) release(s *slot) {
	call := s.call
	l.memory.back(s.share)
	s.id.generation++
	s.call, s.calling, s.flow, s.share = nil, nil, nil, nil
	l.free = append(l.free, s)
	l.leave(call)
	l.admit()
}

// leave gives the turn of a call of m to who waits for it.
func (l *line) leave(m *method) {
	if next := l.limits[m.index].leave(); next != nil {
		l.queue.push(next)
	}
}

// withdraw takes k from where it waits, if it does.
func (l *line) withdraw(k *calling) bool {
	if remove(&l.limits[k.method.index].waiting, k) {
		return true
	}
	if !remove(&l.queue, k) {
		return false
	}
	l.leave(k.method)
	l.admit() // who waited behind k
	return true
}

// abandon leaves s to the late answer.
func (l *line) abandon(s *slot) {
	s.calling = nil
	l.out.push(s.header(kindCancel).frame(make([]byte, headerSize)))
}

// begin opens the stream of k.
func (l *line) begin(ctx context.Context, k *calling) error {
	k.flow = newFlow(l.out, l.flush, k.method.stream.window, k.method.stream.maxDown)
	k.flow.asker, k.flow.most, k.flow.look = true, k.method.stream.total, l.look
	k.flow.arrival.deadline, k.flow.dispatch.deadline = k.deadline, k.deadline
	if err := l.start(k); err != nil {
		return err
	}
	return l.wait(ctx, k).err
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
	case k.slot == nil && l.withdraw(k):
		if err == context.DeadlineExceeded {
			err = errNoTurn
		}
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
	l.receiver.over.Store(true) // it may have more to read than comes to an end
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

func (l *line) failQueue(q *fifo[*calling]) {
	for _, k := range q.waiting() {
		k.done <- result{err: l.err}
	}
	q.keep(nil)
}

// wasUseful reports once whether anything was answered.
func (l *line) wasUseful() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	useful := l.useful
	l.useful = false
	return useful
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
	l.giveBack(k)
	l.mu.Unlock()
	l.flush()
}

// settle ends what k holds of memory: its answer was taken.
func (l *line) settle(k *calling) {
	l.mu.Lock()
	l.giveBack(k)
	l.mu.Unlock()
	l.flush()
}

// giveBack is settle for who holds mu and flushes.
func (l *line) giveBack(k *calling) {
	l.memory.back(k.share)
	k.share = nil
	l.admit()
}
