package ocall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is the trusted half's end. Its calls run side by side, 64 at once;
// more wait for their turn, first come first served. Safe for concurrent use.
//
// A call that was given up keeps its place until the host has answered it, so
// that no answer can be taken for another's. A host that never answers thus
// uses a connection up: Close it and Dial again.
type Conn struct {
	methods map[string]*method
	byIndex []*method
	surface *surface
	dialer  Dialer
	pool    sync.Pool // of *calling
	late    atomic.Uint64

	current atomic.Pointer[line]
	redial  chan struct{} // holds one: who has it may replace current
	backoff backoff       // theirs
	refused error         // theirs: by a host half with which there is no use in dialling again
	closed  chan struct{}
	close   sync.Once
}

func newConn(s Service, d Dialer) *Conn {
	c := &Conn{methods: make(map[string]*method), byIndex: s.methods(), dialer: d, redial: make(chan struct{}, 1), closed: make(chan struct{})}
	c.surface = newSurface(lines(c.byIndex))
	for _, m := range c.byIndex {
		c.methods[m.name] = m
	}
	return c
}

// New is Dial over a connection that exists. It takes nc over, and closes it if
// it returns an error.
func New(ctx context.Context, nc net.Conn, s Service) (*Conn, error) {
	c := newConn(s, Dialer{})
	if err := c.adopt(ctx, nc); err != nil {
		return nil, fmt.Errorf("ocall: %w", err)
	}
	return c, nil
}

// adopt makes nc the current connection, if a host is there.
func (c *Conn) adopt(ctx context.Context, nc net.Conn) error {
	l := newLine(nc, c.byIndex, uint64(max(c.dialer.Memory, 0)), &c.late)
	theirs, err := l.greet(ctx, c.surface)
	if err == nil {
		err = theirs.offers(c.surface)
	}
	if err != nil {
		nc.Close()
		return err
	}
	go l.read()
	c.current.Store(l)
	select {
	case <-c.closed:
		l.fail(ErrClosed)
	default:
	}
	return nil
}

// Close ends the connection; calls and streams under way fail with ErrClosed.
func (c *Conn) Close() error {
	c.close.Do(func() {
		close(c.closed)
		c.current.Load().fail(ErrClosed)
	})
	return nil
}

// Err is nil while c can be used, and otherwise what ended it. A Conn that dials
// again may come back from an error; after Close or a violation it does not.
func (c *Conn) Err() error {
	if err := c.current.Load().ended(); err != nil {
		return fmt.Errorf("ocall: %w", err)
	}
	return nil
}

// Late counts the answers dropped because nobody waited for them any more.
func (c *Conn) Late() uint64 { return c.late.Load() }

// calling is what a call needs, used again if there is one.
func (c *Conn) calling() *calling {
	if k, _ := c.pool.Get().(*calling); k != nil {
		return k
	}
	return newCalling()
}

// done takes k back: its result was taken, and nobody else refers to it.
func (c *Conn) done(k *calling) {
	if k.share != nil {
		k.line.settle(k)
	}
	if k.lent != nil {
		spoil(k.lent)
		k.line.bodies.put(k.lent)
	}
	if cap(k.frame) < headerSize || cap(k.frame) > keepBuffer || cap(k.body) > keepBuffer {
		return
	}
	k.frame, k.tail, k.slot, k.method, k.line, k.lent = k.frame[:headerSize], nil, nil, nil, nil, nil
	c.pool.Put(k)
}

// ask sends the frame of k as a request and waits for the body of its answer.
func (c *Conn) ask(ctx context.Context, k *calling, idempotent bool) ([]byte, error) {
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	l := c.current.Load()
	if c.dialer.Reconnect == Never {
		return c.askOnce(ctx, k, l)
	}
	asked, twice := *k, idempotent && c.dialer.Reconnect == Retry
	if twice && cap(k.frame) > keepBuffer { // it will be the writer's
		asked.frame = bytes.Clone(k.frame)
	}
	body, err := c.askOnce(ctx, k, l)
	if !lost(err) || k.slot != nil && !twice {
		return body, err
	}
	return c.askAgain(ctx, k, asked, k.left(l), twice)
}

// ready returns an error if k cannot be sent.
func (k *calling) ready(ctx context.Context) error {
	if n := len(k.frame) - headerSize + len(k.tail); uint64(n) > uint64(k.method.maxRequest) {
		return fmt.Errorf("%w: a request of %d bytes, %d allowed", ErrLimit, n, k.method.maxRequest)
	}
	return ctx.Err()
}

func (c *Conn) askOnce(ctx context.Context, k *calling, l *line) ([]byte, error) {
	if err := l.start(k); err != nil {
		return nil, err
	}
	r := l.wait(ctx, k)
	if r.failed {
		return nil, k.method.hostError(r.body)
	}
	return r.body, r.err
}

// askAgain asks on another connection, as one was lost before the request was
// sent, or after that, if it may be sent twice.
func (c *Conn) askAgain(ctx context.Context, k *calling, asked calling, left time.Duration, twice bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	for {
		l, err := c.live(ctx)
		if err != nil {
			return nil, err
		}
		again := asked
		again.frame, again.done = bytes.Clone(asked.frame), make(chan result, 1)
		body, err := c.askOnce(ctx, &again, l)
		k.share, k.line = again.share, again.line
		if !lost(err) || again.slot != nil && !twice {
			return body, err
		}
	}
}

// lost reports whether err says that a connection ended, and not because of
// what the host sent on it.
func lost(err error) bool {
	var said *HostError // whose own errors are not asked
	return !errors.As(err, &said) && errors.Is(err, ErrClosed) && !errors.Is(err, ErrViolation)
}

// begin opens a stream for k, on another connection if one is lost before that.
func (c *Conn) begin(ctx context.Context, k *calling) (*line, error) {
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	l := c.current.Load()
	err := l.begin(ctx, k)
	if !c.unsent(k, err) {
		return l, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.left(l))
	defer cancel()
	for {
		if l, err = c.live(ctx); err != nil {
			return nil, err
		}
		if err = l.begin(ctx, k); !c.unsent(k, err) {
			return l, err
		}
	}
}

// unsent reports whether a connection was lost before k was sent, and another is
// to be had.
func (c *Conn) unsent(k *calling, err error) bool {
	return lost(err) && k.slot == nil && c.dialer.Reconnect != Never
}
