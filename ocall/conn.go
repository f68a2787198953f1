package ocall

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is the trusted half's end. Its calls run side by side, 64 at once;
// more wait for their turn. Safe for concurrent use.
//
// A call that was given up keeps its place until the host has answered it, so
// that no answer can be taken for another's. A host that never answers thus
// uses a connection up: Close it and Dial again.
type Conn struct {
	link
	methods map[string]*method
	byIndex []*method
	calls   sync.Pool // of *calling

	free  chan *slot // slots nobody waits in
	mu    sync.Mutex // guards the states of slots
	slots [inFlight]slot

	late atomic.Uint64
	dead chan struct{} // closed once err is set
	once sync.Once
	err  error
}

// New is Dial over a connection that exists. It takes nc over, and closes it if
// it returns an error.
func New(ctx context.Context, nc net.Conn, s Service) (*Conn, error) {
	c := newConn(nc, s.methods())
	own := newSurface(lines(c.byIndex))
	theirs, err := c.greet(ctx, own)
	if err == nil {
		err = theirs.offers(own)
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("ocall: %w", err)
	}
	go c.read()
	return c, nil
}

func newConn(nc net.Conn, methods []*method) *Conn {
	c := &Conn{
		link:    newLink(nc),
		methods: make(map[string]*method),
		byIndex: methods,
		free:    make(chan *slot, inFlight),
		dead:    make(chan struct{}),
	}
	for _, m := range methods {
		c.methods[m.name] = m
	}
	for i := range c.slots {
		c.slots[i].index, c.slots[i].result = uint32(i), make(chan result, 1)
		c.free <- &c.slots[i]
	}
	return c
}

// Close ends the connection; calls under way fail with ErrClosed.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	return nil
}

// Err is nil while c can be used, and otherwise what ended it.
func (c *Conn) Err() error {
	select {
	case <-c.dead:
		return fmt.Errorf("ocall: %w", c.err)
	default:
		return nil
	}
}

// Late counts the answers dropped because nobody waited for them any more.
func (c *Conn) Late() uint64 { return c.late.Load() }

// fail ends c for every call, with err.
func (c *Conn) fail(err error) {
	c.once.Do(func() {
		c.err = gone(err)
		close(c.dead)
		c.nc.Close()
	})
}

// calling is what a call needs besides its slot: one frame, room for the header
// in front, and one timer for all its waits.
type calling struct {
	frame bytes.Buffer
	timer *time.Timer
}

func (c *Conn) begin() *calling {
	k, _ := c.calls.Get().(*calling)
	if k == nil {
		k = &calling{timer: time.NewTimer(time.Hour)}
		k.timer.Stop()
	}
	k.frame.Reset()
	k.frame.Write(make([]byte, headerSize))
	return k
}

func (c *Conn) end(k *calling) {
	k.timer.Stop()
	if k.frame.Cap() <= keepBuffer {
		c.calls.Put(k)
	}
}

// roundTrip sends the frame of k as a request and waits for the body of its
// answer.
func (c *Conn) roundTrip(ctx context.Context, m *method, k *calling, timeout time.Duration) ([]byte, error) {
	length := k.frame.Len() - headerSize
	if uint64(length) > uint64(m.maxRequest) {
		return nil, fmt.Errorf("%w: a request of %d bytes, %d allowed", ErrLimit, length, m.maxRequest)
	}
	k.timer.Reset(timeout)
	s, err := c.take(ctx, k.timer.C)
	if err != nil {
		return nil, err
	}
	h := header{kindRequest, m.index, c.occupy(s, m), uint32(length)}
	h.append(k.frame.Bytes()[:0])
	if err := c.out.write(k.frame.Bytes()); err != nil {
		c.fail(err)
	}
	r, err := c.await(ctx, s, k.timer.C)
	if err != nil {
		r, err = c.giveUp(s, h, err)
	}
	if err == nil && r.failed {
		err = &HostError{Call: m.name, Message: string(r.body)}
	}
	return r.body, err
}

// take waits for a slot.
func (c *Conn) take(ctx context.Context, timeout <-chan time.Time) (*slot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s := <-c.free:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout:
		return nil, context.DeadlineExceeded
	case <-c.dead:
		return nil, c.err
	}
}

// await waits for the answer.
func (c *Conn) await(ctx context.Context, s *slot, timeout <-chan time.Time) (result, error) {
	select {
	case r := <-s.result:
		c.free <- s
		return r, nil
	case <-ctx.Done():
		return result{}, ctx.Err()
	case <-timeout:
		return result{}, context.DeadlineExceeded
	case <-c.dead:
		return result{}, c.err
	}
}
