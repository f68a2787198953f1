package ocall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// session is one connection of the host half. The other end may be anybody who
// could connect, and is bounded as the trusted half bounds the host.
type session struct {
	link
	*offer
	log   *slog.Logger
	calls []*handler // by index of the trusted half's surface

	mu       sync.Mutex
	running  map[id]context.CancelFunc
	handlers sync.WaitGroup
}

// serve answers until the other end closes (nil), misbehaves, or ctx ends. It
// returns when every handler has.
func (s *session) serve(ctx context.Context) error {
	theirs, err := s.greet(ctx, s.surface)
	if err != nil {
		return err
	}
	if err := s.surface.offers(theirs); err != nil {
		return err
	}
	for _, line := range theirs.lines {
		s.calls = append(s.calls, s.offer.handlers[nameOf(line)])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { s.nc.SetReadDeadline(time.Unix(1, 0)) })()
	err = s.read(ctx)
	cancel()
	s.handlers.Wait()
	s.nc.SetWriteDeadline(time.Now().Add(greetTimeout))
	s.out.drain()
	return err
}

func (s *session) read(ctx context.Context) error {
	for {
		h, err := s.in.header()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.take(ctx, h)
		}
		if err != nil {
			return err
		}
	}
}

// take does what a frame asks for.
func (s *session) take(ctx context.Context, h header) error {
	switch {
	case int(h.call) >= len(s.calls) || h.id.slot >= inFlight:
		return fmt.Errorf("a frame for no call")
	case h.kind == kindCancel && h.length == 0:
		s.cancel(h.id)
		return nil
	case h.kind != kindRequest || h.length > s.calls[h.call].maxRequest:
		return fmt.Errorf("a frame of kind %d and %d bytes", h.kind, h.length)
	}
	body, err := s.in.body(h.length)
	if err != nil {
		return err
	}
	ctx, ok := s.start(ctx, h.id)
	if !ok {
		return fmt.Errorf("an id used twice")
	}
	s.handlers.Go(func() { s.run(ctx, h, body) })
	return nil
}

func (s *session) start(ctx context.Context, i id) (context.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[i] != nil || len(s.running) == inFlight {
		return nil, false
	}
	ctx, s.running[i] = context.WithCancel(ctx)
	return ctx, true
}

// cancel may come after the answer has left.
func (s *session) cancel(i id) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.running[i]; cancel != nil {
		cancel()
	}
}

// stop forgets i before its answer is sent: the slot may be used again at once.
func (s *session) stop(i id) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[i]()
	delete(s.running, i)
}

// run answers a request, exactly once.
func (s *session) run(ctx context.Context, h header, body []byte) {
	frame := bytes.NewBuffer(make([]byte, headerSize, headerSize+256))
	call := s.calls[h.call]
	h.kind = kindAnswer
	err := errInternal // stands if the handler does not return
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "ocall: a handler panicked", "call", call.name, "panic", p, "stack", string(debug.Stack()))
		}
		s.finish(h, frame, err)
	}()
	err = s.answer(ctx, call, body, frame)
}

// errInternal is all the trusted half learns of a panic.
var errInternal = errors.New("internal error")

func (s *session) finish(h header, frame *bytes.Buffer, err error) {
	if err != nil {
		h.kind = kindFailure
		frame.Truncate(headerSize)
		frame.WriteString(truncate(err.Error()))
	}
	h.length = uint32(frame.Len() - headerSize)
	h.append(frame.Bytes()[:0])
	s.stop(h.id)
	s.out.write(frame.Bytes()) // an error ends the reader too
}

// answer runs the handler when its turn comes.
func (s *session) answer(ctx context.Context, call *handler, body []byte, frame *bytes.Buffer) error {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := call.answer(ctx, body, frame); err != nil {
		return err
	}
	if n := frame.Len() - headerSize; uint64(n) > uint64(call.maxResponse) {
		return fmt.Errorf("a response of %d bytes, %d allowed", n, call.maxResponse)
	}
	return nil
}

func truncate(message string) string { return message[:min(len(message), maxMessage)] }
