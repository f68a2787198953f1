package attest

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// crowdedTime is what a connection has for its handshake and hello while others
// wait for its place.
const crowdedTime = 3 * time.Second

var errCrowded = errors.New("it had said nothing when others needed its place")

// A lobby has the connections of which nothing is known yet, the oldest first.
type lobby struct {
	mu  sync.Mutex
	all list.List // of *visitor
}

type visitor struct {
	since time.Time
	ctx   context.Context
	close context.CancelCauseFunc
	place *list.Element
}

func (l *lobby) enter(ctx context.Context) *visitor {
	v := &visitor{since: time.Now()}
	v.ctx, v.close = context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	v.place = l.all.PushBack(v)
	return v
}

// leave is for one that has begun or ended, and may have left before.
func (l *lobby) leave(v *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Remove(v.place)
}

// clear closes the oldest connection if it has had its time, and returns for
// how long to wait before asking again.
func (l *lobby) clear() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.all.Front()
	if e == nil {
		return crowdedTime
	}
	oldest := e.Value.(*visitor)
	if left := crowdedTime - time.Since(oldest.since); left > 0 {
		return left
	}
	l.all.Remove(e)
	oldest.close(errCrowded)
	return crowdedTime
}
