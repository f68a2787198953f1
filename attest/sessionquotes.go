package attest

import (
	"context"
	"errors"
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
	queue chan struct{} // has one for each that waits for a slot
	jobs  chan job      // to whoever has just made one
}

// queueFactor is how many quotes wait for each that can be under way. One that
// waits longer than that is hardly made in time.
const queueFactor = 16

var errQueue = errors.New("attest: " + sessionProtocol + ": too many others wait for quotes; try again later, or put something in front that bounds who connects")

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
		n := positive(s.MaxQuotes, sessionQuotes)
		q.slots, q.queue, q.jobs = make(chan struct{}, n), make(chan struct{}, queueFactor*n), make(chan job)
	})
	if err := q.wait(ctx); err != nil {
		return nil, err
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

// wait takes a slot, unless ctx ends before.
func (q *quotes) wait(ctx context.Context) error {
	select {
	case q.slots <- struct{}{}:
	default:
		select {
		case q.queue <- struct{}{}:
			defer func() { <-q.queue }()
		default:
			return errQueue
		}
		select {
		case q.slots <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("attest: %s: waiting for others' quotes: %w", sessionProtocol, context.Cause(ctx))
		}
	}
	if ctx.Err() != nil { // too, and chance has chosen the slot
		<-q.slots
		return fmt.Errorf("attest: %s: waiting for others' quotes: %w", sessionProtocol, context.Cause(ctx))
	}
	return nil
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
		made := rawQuote(self, j)
		<-q.slots
		j.done <- made
		rest.Reset(restTime)
		select {
		case j = <-q.jobs:
		case <-rest.C:
			return
		}
	}
}

// rawQuote has a Quoter that panics fail one connection, not all.
func rawQuote(self Quoter, j job) (made quoted) {
	defer func() {
		if v := recover(); v != nil {
			made = quoted{err: fmt.Errorf("the Quoter panicked, which is to be mended there: %v", v)}
		}
	}()
	b, err := self.RawQuote(j.ctx, j.data)
	return quoted{b, err}
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
