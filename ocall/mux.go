package ocall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// A Mux is the host half's end: a handler for each call. The zero Mux is ready
// for use. Safe for concurrent use; fields are set before Serve.
type Mux struct {
	// Concurrency bounds the handlers that run at once in one Serve, over all
	// connections; a call may have a bound of its own. If zero, 256.
	Concurrency int

	// Connections bounds those served at once in one Serve; more wait, not
	// accepted yet. If zero, 64.
	Connections int

	// BusyPoll is how long a connection is polled for more after something came,
	// before the host half sleeps. A trusted half that asks again at once is spared
	// the wake of its host, on many machines half of the time of a short call. 50
	// microseconds is a good value: with more, other connections wait for it. It
	// takes a processor while nobody else wants that, which counts for a CPU quota,
	// and is done the less the more often it was in vain. If zero, if the host half
	// may run on one processor only when it starts, or if the connection has no
	// descriptor, nothing polls. The trusted half never does.
	BusyPoll time.Duration

	// Interceptors see every call; the first is the outermost.
	Interceptors []Interceptor

	// Grace is how long handlers may go on after Serve's ctx ended before their
	// own contexts end. If zero, those end at once.
	Grace time.Duration

	// Log hears of panics in handlers and of connections that failed. If nil,
	// nobody does.
	Log *slog.Logger

	mu       sync.Mutex
	handlers map[string]*handler
}

// answer runs a handler, and appends its response to the frame of r.
type answer func(ctx context.Context, r *run) error

type handler struct {
	*method
	answer answer
}

func (m *Mux) add(call *method, answer answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handlers[call.name] != nil {
		refuse(call.name, "handled twice")
	}
	if m.handlers == nil {
		m.handlers = make(map[string]*handler)
	}
	m.handlers[call.name] = &handler{call, answer}
}

// Covers returns an error that names the first call of s that m does not
// handle, or handles by another declaration. Serve returns the same.
func (m *Mux) Covers(s Service) error {
	_, err := m.bind(s)
	return err
}

// Serve answers the calls of s to whoever connects to l, until ctx ends: then
// it takes no more, ends the contexts of handlers (after Grace), waits for them
// to return and sends their answers. It closes l. The error is nil if ctx ended.
//
// If l has a method Agreed(), it is called whenever a trusted half has connected
// and both halves agree on s.
//
// Serve returns an error at once if a call of s has no handler. Whoever may
// connect may call: l belongs in a directory that only the host half can enter.
func (m *Mux) Serve(ctx context.Context, l net.Listener, s Service) error {
	defer l.Close()
	handlers, err := m.bind(s)
	if err != nil {
		return err
	}
	return m.accept(ctx, l, &offer{
		handlers: handlers,
		surface:  newSurface(lines(s.methods())),
		turns:    make(chan struct{}, max(cmp.Or(m.Concurrency, 256), 1)),
		grace:    m.Grace,
		busyPoll: m.BusyPoll,
		agreed:   agreed(l),
	})
}

// agreed is whom l wants told of sessions.
func agreed(l net.Listener) func() {
	if a, ok := l.(interface{ Agreed() }); ok {
		return a.Agreed
	}
	return func() {}
}

// offer is what every session of one Serve shares.
type offer struct {
	handlers map[string]*offered
	surface  *surface
	turns    chan struct{} // one held by each handler that runs
	grace    time.Duration
	busyPoll time.Duration
	agreed   func() // called when a session has begun
}

// offered is a handler as one Serve has it.
type offered struct {
	*method
	answer answer
	turns  chan struct{} // one held by each that runs; nil: no limit of its own
}

func (m *Mux) bind(s Service) (map[string]*offered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bound := make(map[string]*offered)
	for _, call := range s.methods() {
		h := m.handlers[call.name]
		if h == nil {
			return nil, fmt.Errorf("ocall: %s: no handler", call.name)
		}
		if h.line != call.line {
			return nil, fmt.Errorf("ocall: its handler: %w", difference(call.line, h.line))
		}
		o := &offered{method: h.method, answer: intercepted(m.Interceptors, contained(h.answer))}
		if h.concurrency > 0 {
			o.turns = make(chan struct{}, h.concurrency)
		}
		bound[call.name] = o
	}
	return bound, nil
}

func (m *Mux) accept(ctx context.Context, l net.Listener, o *offer) error {
	ctx, cancel := context.WithCancel(ctx)
	places := make(chan struct{}, max(cmp.Or(m.Connections, 64), 1))
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if nc != nil {
				nc.Close()
			}
			return nil
		case exhausted(err):
			<-places
			pause(ctx)
		case err != nil:
			return fmt.Errorf("ocall: %w", err)
		default:
			sessions.Go(func() {
				m.session(ctx, nc, o)
				<-places
			})
		}
	}
}

// exhausted reports whether err will pass once others let go of something.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}

func pause(ctx context.Context) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
}

func (m *Mux) session(ctx context.Context, nc net.Conn, o *offer) {
	defer nc.Close()
	s := newSession(nc, o, m.log())
	if err := s.serve(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "ocall: connection of a trusted half failed", "error", err)
	}
}

func (m *Mux) log() *slog.Logger {
	if m.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return m.Log
}
