package ocall_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Both halves have the same limits: the surface shows each of them, and what has
// others than the connection's is not opened.
func TestLimitsOfAStreamAreAgreed(t *testing.T) {
	type streamOfBytes = ocall.Stream[string, []byte, []byte]
	base := stream[string, []byte, []byte]("s")
	base.MaxRequest, base.MaxUp, base.MaxDown, base.MaxTotal, base.Window = 11, 22, 33, 44, 555
	const text = "s(string max=11) stream up []byte max=22 down []byte max=33 total=44 window=555\n"
	if got := (ocall.Service{base}).String(); got != text {
		t.Errorf("%q, want %q", got, text)
	}
	var mux ocall.Mux
	base.Handle(&mux, silent[string, []byte, []byte])
	conn := connect(t, &mux, ocall.Service{base})
	for name, c := range map[string]struct {
		change    func(*streamOfBytes)
		was, says string // of the line; neither: it is the same
	}{
		"Name":        {func(s *streamOfBytes) { s.Name = "other" }, "s(", "other("},
		"MaxRequest":  {func(s *streamOfBytes) { s.MaxRequest++ }, "max=11", "max=12"},
		"MaxUp":       {func(s *streamOfBytes) { s.MaxUp++ }, "max=22", "max=23"},
		"MaxDown":     {func(s *streamOfBytes) { s.MaxDown++ }, "max=33", "max=34"},
		"MaxTotal":    {func(s *streamOfBytes) { s.MaxTotal++ }, "total=44", "total=45"},
		"Window":      {func(s *streamOfBytes) { s.Window++ }, "window=555", "window=556"},
		"Timeout":     {func(s *streamOfBytes) { s.Timeout++ }, "", ""},
		"Concurrency": {func(s *streamOfBytes) { s.Concurrency++ }, "", ""},
	} {
		s := base
		c.change(&s)
		service, same := ocall.Service{s}, c.was == ""
		if got, want := service.String(), strings.Replace(text, c.was, c.says, 1); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if (service.Fingerprint() == ocall.Service{base}.Fingerprint()) != same {
			t.Errorf("%s: the same fingerprint is not %v", name, same)
		}
		f, err := s.Open(t.Context(), conn, "a")
		if err == nil {
			f.Close()
		}
		if errors.Is(err, ocall.ErrMismatch) == same || same && err != nil {
			t.Errorf("%s: opened with %v", name, err)
		}
	}
	if _, err := stream[string, []byte, string]("s").Open(t.Context(), conn, "a"); !errors.Is(err, ocall.ErrMismatch) {
		t.Error("other chunks:", err)
	}
}

// The trusted half has its streams wait for their turn, as calls do.
func TestStreamsWaitForTheirTurn(t *testing.T) {
	s := stream[int, ocall.None, ocall.None]("s")
	s.Concurrency = 2
	var mux ocall.Mux
	s.Handle(&mux, silent[int, ocall.None, ocall.None])
	conn := connect(t, &mux, ocall.Service{s})
	first, err := s.Open(t.Context(), conn, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), conn, 0); err != nil {
		t.Fatal(err)
	}
	impatient := s
	impatient.Timeout = time.Millisecond
	if _, err := impatient.Open(t.Context(), conn, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a third of two:", err)
	}
	first.Close()
	if _, err := s.Open(t.Context(), conn, 0); err != nil {
		t.Error("after the first:", err)
	}
}

// The bound of a call holds for all connections to one Serve together: that of
// the trusted halves, which each has for itself, is not relied upon.
func TestTurnsOfAServe(t *testing.T) {
	const most, connections = 2, 5
	call, probe := declare[[]byte, []byte]("call"), declare[[]byte, []byte]("probe")
	s := stream[int, ocall.None, ocall.None]("stream")
	call.Concurrency, s.Concurrency = most, most
	service := ocall.Service{call, probe, s}
	for name, ask := range map[string]func(*ocall.Conn) error{
		"call": func(c *ocall.Conn) error { return second(call.Call(t.Context(), c, nil)) },
		"stream": func(c *ocall.Conn) error {
			f, err := s.Open(t.Context(), c, 0)
			if err == nil {
				_, err = f.Receive()
			}
			if err == io.EOF {
				return nil
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan bool)
			var running atomic.Int32
			hold := held(release, &running)
			var mux ocall.Mux
			call.Handle(&mux, hold)
			probe.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return nil, nil })
			s.Handle(&mux, func(ctx context.Context, _ int, _ *ocall.Flow[ocall.None, ocall.None]) error {
				return second(hold(ctx, nil))
			})
			l := listen(t)
			go mux.Serve(t.Context(), l, service)
			done := make(chan error, connections)
			for range connections {
				conn := dial(t, l, service)
				defer conn.Close()
				go func() { done <- ask(conn) }()
				until(t, "asked", func() bool { return ocall.Waiting(conn) == 1 })
				if _, err := probe.Call(t.Context(), conn, nil); err != nil { // the host has read both
					t.Fatal(err)
				}
			}
			until(t, "as many as may run", func() bool { return running.Load() >= most })
			time.Sleep(10 * time.Millisecond)
			if n := running.Load(); n != most {
				t.Errorf("%d run, of %d that may", n, most)
			}
			close(release)
			for range connections {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A wait ends soon after its timeout, whatever else is waited for: before its
// context does, after ten times as long. A machine that is too slow for that once
// has other tries.
func TestWaitsEndSoonAfterTheirTimeouts(t *testing.T) {
	const timeout, rival, tries = 50 * time.Millisecond, 500 * time.Millisecond, 5
	call := ocall.Func[[]byte, []byte]{Name: "call", Check: ocall.Unchecked[[]byte, []byte], Timeout: timeout}
	turn, s := call, stream[int, ocall.None, []byte]("stream")
	turn.Name, turn.Concurrency, s.Timeout = "turn", 1, timeout
	var running atomic.Int32
	var mux ocall.Mux
	call.Handle(&mux, held(nil, &running))
	turn.Handle(&mux, held(nil, &running))
	s.Handle(&mux, silent[int, ocall.None, []byte])
	conn := connect(t, &mux, ocall.Service{call, turn, s})
	slow := turn
	slow.Timeout = time.Hour
	go slow.Call(t.Context(), conn, nil)
	until(t, "the one turn is taken", func() bool { return running.Load() == 1 })
	for name, wait := range map[string]func(context.Context) error{
		"answer": func(ctx context.Context) error { return second(call.Call(ctx, conn, nil)) },
		"turn":   func(ctx context.Context) error { return second(turn.Call(ctx, conn, nil)) },
		"chunk": func(ctx context.Context) error {
			f, err := s.Open(ctx, conn, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return second(f.Receive())
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			for range tries {
				ctx, cancel := context.WithCancel(t.Context())
				late := time.AfterFunc(rival, cancel)
				err = wait(ctx)
				late.Stop()
				cancel()
				if errors.Is(err, context.DeadlineExceeded) {
					return
				}
			}
			t.Errorf("not given up after %v, nor after %v: %v", timeout, rival, err)
		})
	}
}
