package attest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

// quotes makes quotes, so many at a time. A Quoter that does not heed its
// context keeps its place among them, but nobody waiting.
type quotes struct {
	once  sync.Once
	slots chan struct{} // has one for each quote under way
	jobs  chan job      // to whoever has just made one
}

type job struct {
	ctx  context.Context
	data [64]byte
	done chan<- quoted // has room
}

type quoted struct {
	quote []byte
	err   error
}

// restTime is for how long a goroutine waits for more to do. A new one would
// have to grow a stack that is deep enough for signatures first.
const restTime = time.Second

// quote has this end's quote made, unless too many others are being made.
func (s *Session) quote(ctx context.Context, data [64]byte) ([]byte, error) {
	q := &s.quotes
	q.once.Do(func() {
		q.slots, q.jobs = make(chan struct{}, positive(s.MaxQuotes, sessionQuotes)), make(chan job)
	})
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("attest: %s: waiting for others' quotes: %w", sessionProtocol, context.Cause(ctx))
	}
	done := make(chan quoted, 1)
	q.begin(s.Self, job{ctx, data, done})
	select {
	case made := <-done:
		return made.checked()
	case <-ctx.Done():
		return nil, fmt.Errorf("attest: %s: waiting for a quote: %w", sessionProtocol, context.Cause(ctx))
	}
}

func (q *quotes) begin(self Quoter, j job) {
	select {
	case q.jobs <- j:
	default:
		go q.work(self, j)
	}
}

func (q *quotes) work(self Quoter, j job) {
	rest := time.NewTimer(restTime)
	defer rest.Stop()
	for {
		b, err := self.RawQuote(j.ctx, j.data)
		<-q.slots
		j.done <- quoted{b, err}
		rest.Reset(restTime)
		select {
		case j = <-q.jobs:
		case <-rest.C:
			return
		}
	}
}

func (q quoted) checked() ([]byte, error) {
	if q.err != nil {
		return nil, fmt.Errorf("attest: %s: %w", sessionProtocol, q.err)
	}
	if n := len(q.quote); n < ratls.MinQuoteSize || n > ratls.MaxQuoteSize {
		return nil, fmt.Errorf("attest: %s: a quote of %d bytes, not %d to %d", sessionProtocol, n, ratls.MinQuoteSize, ratls.MaxQuoteSize)
	}
	return q.quote, nil
}
