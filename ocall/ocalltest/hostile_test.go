package ocalltest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

// signed answers come with a MAC over request and response, so that no bend
// goes unnoticed.
func sum(req uint64, b []byte) []byte {
	m := hmac.New(sha256.New, []byte("key"))
	fmt.Fprint(m, req, string(b))
	return m.Sum(b)
}

func signed(name string) ocall.Func[uint64, []byte] {
	return ocall.Func[uint64, []byte]{Name: name, Timeout: 50 * time.Millisecond, Check: func(req uint64, resp []byte) error {
		if len(resp) < 32 || !bytes.Equal(sum(req, resp[:len(resp)-32:len(resp)-32]), resp) {
			return errors.New("not what was signed")
		}
		return nil
	}}
}

func TestEveryBendIsNoticed(t *testing.T) {
	a, b := signed("a"), signed("b")
	var mux ocall.Mux
	handle := func(ctx context.Context, n uint64) ([]byte, error) { return sum(n, []byte("content")), nil }
	a.Handle(&mux, handle)
	b.Handle(&mux, handle)
	for way, want := range map[ocalltest.Bend]struct{ first, next error }{
		ocalltest.Flip:      {ocall.ErrViolation, ocall.ErrViolation},
		ocalltest.Truncate:  {ocall.ErrViolation, ocall.ErrViolation},
		ocalltest.Duplicate: {ocall.ErrViolation, ocall.ErrViolation},
		ocalltest.Reorder:   {nil, nil},
		ocalltest.Replay:    {nil, ocall.ErrViolation},
		ocalltest.MixUp:     {nil, ocall.ErrViolation},
		ocalltest.Oversize:  {ocall.ErrClosed, ocall.ErrClosed},
		ocalltest.Never:     {context.DeadlineExceeded, context.DeadlineExceeded},
		ocalltest.Late:      {context.DeadlineExceeded, context.DeadlineExceeded},
		ocalltest.Twice:     {nil, ocall.ErrClosed},
	} {
		t.Run(way.String(), func(t *testing.T) {
			conn := ocalltest.Hostile(t, &mux, ocall.Service{a, b}, way)
			a, b := a, b
			if want.first != context.DeadlineExceeded {
				a.Timeout, b.Timeout = time.Minute, time.Minute
			}
			if _, err := a.Call(t.Context(), conn, 1); !errors.Is(err, want.first) && way != ocalltest.Twice {
				t.Error("first:", err)
			}
			f := a
			if way == ocalltest.MixUp {
				f = b
			}
			if _, err := f.Call(t.Context(), conn, 2); !errors.Is(err, want.next) {
				t.Error("next:", err)
			}
			if way == ocalltest.Late {
				comeLate(t, conn, 2)
			}
		})
	}
}

// What would be late comes though the host itself is later.
func TestLateAnswerOfALateHost(t *testing.T) {
	f := signed("f")
	var mux ocall.Mux
	f.Handle(&mux, func(ctx context.Context, n uint64) ([]byte, error) {
		<-ctx.Done() // its caller has given up
		return sum(n, nil), nil
	})
	conn := ocalltest.Hostile(t, &mux, ocall.Service{f}, ocalltest.Late)
	if _, err := f.Call(t.Context(), conn, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	comeLate(t, conn, 1)
}

// comeLate waits until so many answers came late.
func comeLate(t *testing.T, conn *ocall.Conn, want uint64) {
	t.Helper()
	for n := 0; conn.Late() < want && n < 5000; n++ {
		time.Sleep(time.Millisecond)
	}
	if got := conn.Late(); got != want || conn.Err() != nil {
		t.Errorf("%d late answers, %v", got, conn.Err())
	}
}

// An answer waits for the next, unless nobody waits for that any more.
func TestReorderedAnswers(t *testing.T) {
	f := signed("f")
	var mux ocall.Mux
	asked, end := make(chan struct{}), make(chan struct{})
	f.Handle(&mux, func(ctx context.Context, n uint64) ([]byte, error) {
		if n == 2 {
			close(asked)
			<-end
		}
		return sum(n, nil), nil
	})
	conn := ocalltest.Hostile(t, &mux, ocall.Service{f}, ocalltest.Reorder)
	stop := sync.OnceFunc(func() { close(end) })
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	patient := f
	patient.Timeout = time.Minute
	go func() {
		_, err := patient.Call(ctx, conn, 2)
		second <- err
	}()
	<-asked
	if _, err := f.Call(t.Context(), conn, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("the first did not wait for the second:", err)
	}
	if n := conn.Late(); n != 0 {
		t.Errorf("%d late answers", n)
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	comeLate(t, conn, 1)
	stop()
	comeLate(t, conn, 2)
	if _, err := patient.Call(t.Context(), conn, 1); err != nil {
		t.Error("alone:", err)
	}
}

func TestReorderedAnswersAreTheirCallers(t *testing.T) {
	f := signed("f")
	f.Timeout = time.Minute
	var mux ocall.Mux
	both := make(chan struct{})
	f.Handle(&mux, func(ctx context.Context, n uint64) ([]byte, error) {
		select { // two of them meet
		case both <- struct{}{}:
		case <-both:
		}
		return sum(n, nil), nil
	})
	conn := ocalltest.Hostile(t, &mux, ocall.Service{f}, ocalltest.Reorder)
	for n := range uint64(50) {
		var callers sync.WaitGroup
		for caller := range uint64(2) {
			callers.Go(func() {
				if _, err := f.Call(t.Context(), conn, 2*n+caller); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
	}
}
