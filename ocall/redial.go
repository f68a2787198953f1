package ocall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// live is the current connection, or another if that was lost.
func (c *Conn) live(ctx context.Context) (*line, error) {
	l := c.current.Load()
	err := l.ended()
	if err == nil || c.dialer.Reconnect == Never || !lost(err) {
		return l, err
	}
	select {
	case c.redial <- struct{}{}:
		defer func() { <-c.redial }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, ErrClosed
	}
	return c.replace(ctx)
}

// replace dials until it succeeds.
func (c *Conn) replace(ctx context.Context) (*line, error) {
	var last error
	for c.refused == nil {
		l := c.current.Load()
		if err := l.ended(); err == nil || !lost(err) {
			return l, err // another's work
		}
		if err := c.pause(ctx, l.wasUseful()); err != nil {
			return nil, unreached(err, last)
		}
		last = c.dialOpen(ctx)
		switch {
		case errors.Is(last, ErrViolation) || errors.Is(last, ErrMismatch):
			c.refused = last
		case last != nil && ctx.Err() != nil:
			return nil, unreached(ctx.Err(), last)
		}
	}
	return nil, c.refused
}

// unreached is err, and why the last attempt came to nothing.
func unreached(err, last error) error {
	if last == nil || err == ErrClosed {
		return err
	}
	return fmt.Errorf("no connection in time: %w: %w", err, last)
}

// dialOpen is dial, ended by Close.
func (c *Conn) dialOpen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-c.closed:
		case <-ctx.Done():
		}
	}()
	return c.dial(ctx)
}

// pause waits before a connection is dialled again: not at all after one that
// was useful, and longer and longer after others.
func (c *Conn) pause(ctx context.Context, useful bool) error {
	timer := time.NewTimer(c.backoff.next(useful))
	defer timer.Stop()
	select {
	case <-c.closed:
		return ErrClosed
	default:
	}
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closed:
		return ErrClosed
	}
}

// backoff is how long to wait the next time.
type backoff time.Duration

func (b *backoff) next(fresh bool) (wait time.Duration) {
	if fresh {
		*b = 0
	}
	wait = time.Duration(*b)
	*b = min(max(2**b, backoff(10*time.Millisecond)), backoff(time.Second))
	return wait
}

func (c *Conn) dial(ctx context.Context) error {
	nc, err := c.dialer.connect(ctx)
	if err != nil {
		return err
	}
	return c.adopt(ctx, nc)
}
