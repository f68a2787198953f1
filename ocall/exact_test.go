package ocall_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// The number in the end of a stream that nobody waits for counts too, in
// however many pieces it comes.
func TestEndOfAnAbandonedStream(t *testing.T) {
	for name, test := range map[string]struct {
		chunks uint64
		is     error
	}{
		"true":  {1, nil},
		"a lie": {2, ocall.ErrViolation},
	} {
		t.Run(name, func(t *testing.T) {
			s := stream[int, []byte, []byte]("s")
			done := make(chan bool)
			conn := hostile(t, ocall.Service{s, Stat}, func(h host) {
				a := h.next()
				h.Write(a.chunk([]byte("x")))
				h.next() // the cancel
				end := a.answer(binary.LittleEndian.AppendUint64(nil, test.chunks)).bytes()
				h.Write(end[:16])
				time.Sleep(20 * time.Millisecond)
				h.Write(end[16:])
				close(done)
			})
			f, err := s.Open(t.Context(), conn, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.Receive()
			f.Close()
			<-done
			for range 50 {
				if conn.Err() != nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if err := conn.Err(); !errors.Is(err, test.is) {
				t.Error(err)
			}
		})
	}
}

// A handler that leaves somebody behind who goes on sending ends its stream all
// the same, and the number of its chunks is right.
func TestSenderLeftBehind(t *testing.T) {
	s := stream[int, ocall.None, []byte]("left")
	s.Timeout = long
	var mux ocall.Mux
	s.Handle(&mux, func(_ context.Context, _ int, f *ocall.Flow[[]byte, ocall.None]) error {
		go func() {
			for f.Send([]byte("x")) == nil {
			}
		}()
		time.Sleep(100 * time.Microsecond)
		return nil
	})
	conn := connect(t, &mux, ocall.Service{s})
	for range 300 {
		f, err := s.Open(t.Context(), conn, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range f.All() {
			if err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
}

// Credit that is of no use does not put off the end of a wait.
func TestCreditDoesNotProlong(t *testing.T) {
	s := stream[int, []byte, []byte]("s")
	s.Window, s.MaxUp, s.MaxDown, s.Timeout = 1<<20, 1<<19, 64, 300*time.Millisecond
	end := make(chan bool)
	conn := hostile(t, ocall.Service{s}, func(h host) {
		a := h.next()
		h.next()
		for {
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
				h.Write(a.credit(1))
			}
		}
	})
	defer close(end)
	f, err := s.Open(t.Context(), conn, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Send(make([]byte, 1<<19)); err != nil {
		t.Fatal(err)
	}
	within(t, "the wait", func() {
		for err == nil {
			err = f.Send(make([]byte, 1<<19))
		}
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// refuses is a value that cannot be encoded.
type refuses struct{ N int }

func (refuses) MarshalBinary() ([]byte, error)      { return nil, errors.New("refused") }
func (refuses) AppendBinary([]byte) ([]byte, error) { return nil, errors.New("refused") }
func (*refuses) UnmarshalBinary([]byte) (err error) { return }

func TestRefusedEncoding(t *testing.T) {
	f := declare[refuses, int]("f")
	var mux ocall.Mux
	f.Handle(&mux, func(context.Context, refuses) (int, error) { return 0, nil })
	conn := connect(t, &mux, ocall.Service{f})
	for range 3 {
		if _, err := f.Call(t.Context(), conn, refuses{}); err == nil || err.Error() != "ocall: f: refused" {
			t.Error(err)
		}
	}
}

// Who sends hears that the stream has ended; who receives has all that came
// before.
func TestEndLeavesWhatCame(t *testing.T) {
	tooLong := make([]byte, 1<<20)
	for name, chunk := range map[string][]byte{"a chunk": []byte("more"), "one over the limit": tooLong} {
		t.Run(name, func(t *testing.T) {
			s := stream[int, []byte, []byte]("s")
			f := open(t, s, 0, func(_ context.Context, _ int, f *ocall.Flow[[]byte, []byte]) error {
				for range 3 {
					if err := f.Send([]byte("hello")); err != nil {
						return err
					}
				}
				return nil
			})
			if _, err := f.Receive(); err != nil {
				t.Fatal(err)
			}
			for err := error(nil); err == nil; time.Sleep(time.Millisecond) {
				err = f.Send([]byte("more"))
			}
			if f.Send(chunk) == nil {
				t.Error("sent to a stream that has ended")
			}
			for range 2 {
				if got, err := f.Receive(); err != nil || string(got) != "hello" {
					t.Fatalf("%q, %v", got, err)
				}
			}
			if _, err := f.Receive(); err != io.EOF {
				t.Error(err)
			}
		})
	}
}

// An interceptor that asks again has the last answer sent, of whatever length.
func TestInterceptorAsksAgain(t *testing.T) {
	sizes := make(chan int, 2)
	sizes <- 5000
	sizes <- 100 << 10
	mux := ocall.Mux{Interceptors: []ocall.Interceptor{func(ctx context.Context, h *ocall.Handling, next func(context.Context) error) error {
		next(ctx)
		return next(ctx)
	}}}
	large.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return make([]byte, <-sizes), nil })
	conn := connect(t, &mux, ocall.Service{large})
	if got, err := large.Call(t.Context(), conn, nil); err != nil || len(got) != 100<<10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
