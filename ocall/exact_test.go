package ocall_test

import (
	"context"
	"encoding/binary"
	"errors"
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
