package ocall

import (
	"bytes"
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
	// connections. If zero, 256.
	Concurrency int

	// Log hears of panics in handlers and of connections that failed. If nil,
	// nobody does.
	Log *slog.Logger

	mu       sync.Mutex
	handlers map[string]*handler
}

// handler appends its answer to frame.
type handler struct {
	*method
	answer func(ctx context.Context, body []byte, frame *bytes.Buffer) error
}

func (m *Mux) add(call *method, answer func(context.Context, []byte, *bytes.Buffer) error) {
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
// it takes no more, ends the contexts of handlers, waits for them to return and
// sends their answers. It closes l. The error is nil if ctx ended.
//
// Serve returns an error at once if a call of s has no handler. Whoever may
// connect may call: l belongs in a directory that only the host half can enter.
func (m *Mux) Serve(ctx context.Context, l net.Listener, s Service) error {
	defer l.Close()
	handlers, err := m.bind(s)
	if err != nil {
		return err
	}
	n := m.Concurrency
	if n <= 0 {
		n = 256
	}
	return m.accept(ctx, l, &offer{handlers, newSurface(lines(s.methods())), make(chan struct{}, n)})
}

// offer is what every session of one Serve shares.
type offer struct {
	handlers map[string]*handler
	surface  *surface
	turns    chan struct{} // one held by each handler that runs
}

func (m *Mux) bind(s Service) (map[string]*handler, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bound := make(map[string]*handler)
	for _, call := range s.methods() {
		h := m.handlers[call.name]
		if h == nil {
			return nil, fmt.Errorf("ocall: %s: no handler", call.name)
		}
		if h.line != call.line {
			return nil, fmt.Errorf("ocall: its handler: %w", difference(call.line, h.line))
		}
		bound[call.name] = h
	}
	return bound, nil
}

func (m *Mux) accept(ctx context.Context, l net.Listener, o *offer) error {
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if nc != nil {
				nc.Close()
			}
			return nil
		case exhausted(err):
			pause(ctx)
		case err != nil:
			return fmt.Errorf("ocall: %w", err)
		default:
			sessions.Go(func() { m.session(ctx, nc, o) })
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
	s := &session{link: newLink(nc), offer: o, log: m.log(), running: make(map[id]context.CancelFunc)}
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
