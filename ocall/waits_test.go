package ocall_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// silent is a handler that says nothing until the stream is given up.
func silent[Req, Up, Down any](ctx context.Context, _ Req, _ *ocall.Flow[Down, Up]) error {
	<-ctx.Done()
	return ctx.Err()
}

// Nothing waits when the ticks end, and then something does.
func TestStreamTimesOutAfterIdleness(t *testing.T) {
	s := stream[int, []byte, []byte]("idle")
	s.Timeout = 50 * time.Millisecond
	f := open(t, s, 0, silent[int, []byte, []byte])
	time.Sleep(200 * time.Millisecond)
	if _, err := f.Receive(); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Chunks of nothing do not keep a caller for ever.
func TestStreamOfNothingEnds(t *testing.T) {
	s := stream[int, ocall.None, []byte]("nothing")
	s.MaxTotal = 100
	f := open(t, s, 0, func(ctx context.Context, _ int, f *ocall.Flow[[]byte, ocall.None]) error {
		for f.Send(nil) == nil {
		}
		return nil
	})
	if _, err := ocall.Reader(f).Read(make([]byte, 1)); !errors.Is(err, ocall.ErrViolation) {
		t.Error(err)
	}
}

// A receiver's wait is its own, whatever the sender hears meanwhile.
func TestStreamDirectionsWaitApart(t *testing.T) {
	s := stream[int, []byte, []byte]("apart")
	s.Timeout = 300 * time.Millisecond
	f := open(t, s, 0, func(ctx context.Context, _ int, f *ocall.Flow[[]byte, []byte]) error {
		for {
			time.Sleep(20 * time.Millisecond)
			if _, err := f.Receive(); err != nil { // gives credit, and never answers
				return err
			}
		}
	})
	var sent atomic.Int64
	go func() {
		for f.Send(make([]byte, 60<<10)) == nil {
			sent.Add(1)
		}
	}()
	if _, err := f.Receive(); !errors.Is(err, context.DeadlineExceeded) || sent.Load() > 150 {
		t.Errorf("%v, after %d chunks of which each took 20 ms", err, sent.Load())
	}
}

type fragile struct{ text string }

func (f *fragile) Error() string { return f.text }

// The classic of all handlers: a nil of a type, in an error.
func TestErrorsOfHandlersPanic(t *testing.T) {
	call := ocall.Func[int, int]{Name: "fragile", Check: ocall.Unchecked[int, int]}
	var mux ocall.Mux
	call.Handle(&mux, func(context.Context, int) (int, error) { return 0, (*fragile)(nil) })
	conn := connect(t, &mux, ocall.Service{call})
	for range 2 {
		var said *ocall.HostError
		if _, err := call.Call(t.Context(), conn, 0); !errors.As(err, &said) || said.Message != "internal error" {
			t.Error(err)
		}
	}
}

// kept is an error that keeps the bytes it was decoded from.
type kept []byte

func (k kept) Error() string { return string(k) }

// What a stream ended with does not change when something else is read.
func TestErrorOfAStreamIsItsOwn(t *testing.T) {
	s := stream[int, ocall.None, int]("fails")
	s.Errors = []ocall.DeclaredError{ocall.ErrorType[kept]("kept")}
	echo := ocall.Func[[]byte, []byte]{Name: "echo", Check: ocall.Unchecked[[]byte, []byte]}
	var mux ocall.Mux
	s.Handle(&mux, func(context.Context, int, *ocall.Flow[int, ocall.None]) error { return kept("AAAAAAAAAAAAAAAA") })
	echo.Handle(&mux, func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	conn := connect(t, &mux, ocall.Service{s, echo})
	f, err := s.Open(t.Context(), conn, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.Receive()
	var own kept
	if !errors.As(err, &own) || own.Error() != "AAAAAAAAAAAAAAAA" {
		t.Fatal(err)
	}
	for range 8 {
		if _, err := echo.Call(t.Context(), conn, []byte("a secret of another call")); err != nil {
			t.Fatal(err)
		}
	}
	if own.Error() != "AAAAAAAAAAAAAAAA" {
		t.Errorf("%q", own.Error())
	}
}

// What is left of a window may be too little for the next chunk, and yet more
// than half.
func TestWindowsOfAFewChunks(t *testing.T) {
	s := stream[int, []byte, []byte]("few")
	s.Window, s.MaxUp, s.MaxDown, s.Timeout = 1000, 936, 936, long
	sizes := []int{435, 536, 0, 936, 1, 936, 872, 0, 0, 936, 436, 500, 936}
	f := open(t, s, 0, func(ctx context.Context, _ int, f *ocall.Flow[[]byte, []byte]) error {
		for b, err := range f.All() {
			if err = errors.Join(err, f.Send(b)); err != nil {
				return err
			}
		}
		return nil
	})
	for _, n := range sizes {
		if err := f.Send(make([]byte, n)); err != nil {
			t.Fatalf("chunk of %d: %v", n, err)
		}
		if b, err := f.Receive(); err != nil || len(b) != n {
			t.Fatalf("chunk of %d: %d bytes, %v", n, len(b), err)
		}
	}
}
