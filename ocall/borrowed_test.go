package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// lent connects to a host that has of large what it needs while it answers.
func lent(t *testing.T) *ocall.Conn {
	var mux ocall.Mux
	large.HandleBorrowed(&mux, func(_ context.Context, b []byte) ([]byte, error) {
		if cap(b) != len(b) {
			return nil, fmt.Errorf("room for %d bytes with one of %d", cap(b), len(b))
		}
		return b, nil
	})
	return connect(t, &mux, ocall.Service{large})
}

func TestBorrowed(t *testing.T) {
	conn := lent(t)
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(caller), 3))
			for range 30 {
				want := bytes.Repeat([]byte{byte(random.IntN(256)), byte(caller)}, random.IntN(2)*random.IntN(300<<10)+random.IntN(3000))
				err := large.CallBorrowed(t.Context(), conn, want, func(got []byte) error {
					runtime.Gosched()
					if !bytes.Equal(got, want) || cap(got) != len(got) {
						return fmt.Errorf("%d bytes of %d, room for %d, or others", len(got), len(want), cap(got))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
}

// What is not lent stays as it is.
func TestKeptMemoryStays(t *testing.T) {
	for _, size := range []int{100, 100 << 10} {
		var requests, responses [][]byte
		var mux ocall.Mux
		large.Handle(&mux, func(_ context.Context, b []byte) ([]byte, error) {
			requests = append(requests, b)
			return b, nil
		})
		conn := connect(t, &mux, ocall.Service{large})
		for i := range 8 {
			b, err := large.Call(t.Context(), conn, bytes.Repeat([]byte{byte(i)}, size))
			if err != nil {
				t.Fatal(err)
			}
			responses = append(responses, b)
		}
		for i := range 8 {
			own := []byte{byte(i)}
			if n := bytes.Count(requests[i], own) + bytes.Count(responses[i], own); n != 2*size {
				t.Errorf("of request and response %d of %d bytes, %d are left", i, size, n)
			}
		}
	}
}

// What is lent is set aside once, by either half, and so is what types are
// decoded from that keep nothing of it.
func TestBorrowedMemoryIsUsedAgain(t *testing.T) {
	type content struct{ Data []byte }
	decoded := ocall.Func[content, content]{Name: "decoded", Check: ocall.Unchecked[content, content], MaxRequest: 2 << 20, MaxResponse: 2 << 20}
	var mux ocall.Mux
	large.HandleBorrowed(&mux, echoes)
	decoded.Handle(&mux, func(_ context.Context, c content) (content, error) { return c, nil })
	b := make([]byte, 1<<20)
	block := large
	block.Name, block.MaxRequest, block.MaxResponse = "block", 1<<20+28, 1<<20+28
	block.HandleBorrowed(&mux, echoes)
	conn := connect(t, &mux, ocall.Service{large, block, decoded})
	sealed := make([]byte, block.MaxRequest)
	tests := map[string]struct {
		most uint64 // a call, of both halves
		call func() error
	}{
		"block":   {200 << 10, func() error { return block.CallBorrowed(t.Context(), conn, sealed, func([]byte) error { return nil }) }}, // as long as it may be
		"lent":    {200 << 10, func() error { return large.CallBorrowed(t.Context(), conn, b, func([]byte) error { return nil }) }},
		"decoded": {5 << 20, func() error { _, err := decoded.Call(t.Context(), conn, content{b}); return err }}, // two encodings, two copies
	}
	for name, test := range tests {
		if err := test.call(); err != nil {
			t.Fatal(err)
		}
		const calls = 50
		got := allocated(func() {
			for range calls {
				if err := test.call(); err != nil {
					t.Fatal(err)
				}
			}
		}) / calls
		if t.Logf("%s: %d KiB a call", name, got>>10); got > test.most && !raced {
			t.Errorf("%s: %d KiB a call, at most %d were expected", name, got>>10, test.most>>10)
		}
	}
}

func TestBorrowedFails(t *testing.T) {
	refuse := ocall.Func[[]byte, []byte]{Name: "refuse", Check: func(_, resp []byte) error { return errors.New("refused") }}
	fails := ocall.Func[[]byte, []byte]{Name: "fails", Check: ocall.Unchecked[[]byte, []byte]}
	var mux ocall.Mux
	large.HandleBorrowed(&mux, echoes)
	refuse.HandleBorrowed(&mux, echoes)
	fails.HandleBorrowed(&mux, func(context.Context, []byte) ([]byte, error) { return nil, errors.New("said") })
	conn := connect(t, &mux, ocall.Service{large, refuse, fails})
	never := func([]byte) error { t.Error("used"); return nil }
	ended, end := context.WithCancel(t.Context())
	end()
	var said *ocall.HostError
	if err := fails.CallBorrowed(t.Context(), conn, nil, never); !errors.As(err, &said) || said.Message != "said" {
		t.Error(err)
	}
	if err := refuse.CallBorrowed(t.Context(), conn, nil, never); !errors.Is(err, ocall.ErrViolation) {
		t.Error(err)
	}
	if err := large.CallBorrowed(ended, conn, nil, never); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	own := errors.New("own")
	if err := large.CallBorrowed(t.Context(), conn, nil, func([]byte) error { return own }); err != own {
		t.Error(err)
	}
	if got := panics(func() { large.CallBorrowed(t.Context(), conn, nil, func([]byte) error { panic("mine") }) }); got != "mine" {
		t.Error(got)
	}
	if got := panics(func() { large.CallBorrowed(t.Context(), conn, nil, nil) }); !strings.Contains(got, "use is nil") {
		t.Error(got)
	}
	if got := panics(func() { large.HandleBorrowed(&mux, echoes) }); got == "" {
		t.Error("handled twice")
	}
	if err := large.CallBorrowed(t.Context(), conn, make([]byte, 100<<10), func(b []byte) error { return nil }); err != nil {
		t.Error(err)
	}
}

// An error may refer to the bytes it is about, and is kept.
func TestErrorsAboutWhatWasLent(t *testing.T) {
	refuse := large
	refuse.Check = func(_, resp []byte) error {
		if len(resp) > 0 && resp[0] == 'A' {
			return kept(resp[:16])
		}
		return nil
	}
	var seen error
	var mux ocall.Mux
	mux.Interceptors = []ocall.Interceptor{func(ctx context.Context, _ *ocall.Handling, next func(context.Context) error) error {
		err := next(ctx)
		if err != nil {
			seen = err
		}
		return nil // which answers nothing
	}}
	refuse.HandleBorrowed(&mux, func(_ context.Context, b []byte) ([]byte, error) {
		if b[0] == 'B' {
			return nil, kept(b[:16])
		}
		return b, nil
	})
	conn := connect(t, &mux, ocall.Service{refuse})
	var own kept
	use := func([]byte) error { return nil }
	if err := refuse.CallBorrowed(t.Context(), conn, bytes.Repeat([]byte("A"), 100<<10), use); !errors.As(err, &own) {
		t.Fatal(err)
	}
	if err := refuse.CallBorrowed(t.Context(), conn, bytes.Repeat([]byte("B"), 100<<10), use); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := refuse.CallBorrowed(t.Context(), conn, bytes.Repeat([]byte("C"), 100<<10), use); err != nil {
			t.Fatal(err)
		}
	}
	if own.Error() != "AAAAAAAAAAAAAAAA" || seen.Error() != "BBBBBBBBBBBBBBBB" {
		t.Errorf("%q, %q", own.Error(), seen.Error())
	}
}

// Who keeps what was lent finds out in tests.
func TestLentMemoryIsSpoiled(t *testing.T) {
	if !raced {
		t.Skip("the race detector does not run")
	}
	for _, n := range []int{100, 100 << 10} {
		var request, response []byte
		t.Run(strconv.Itoa(n), func(t *testing.T) { // until the handler has ended
			var mux ocall.Mux
			large.HandleBorrowed(&mux, func(_ context.Context, b []byte) ([]byte, error) { request = b; return b, nil })
			conn := connect(t, &mux, ocall.Service{large})
			err := large.CallBorrowed(t.Context(), conn, make([]byte, n), func(b []byte) error { response = b; return nil })
			if err != nil {
				t.Fatal(err)
			}
		})
		spoiled := bytes.Repeat([]byte{0xdb}, n)
		if !bytes.Equal(request, spoiled) || !bytes.Equal(response, spoiled) {
			t.Errorf("%d bytes: %x… %x…", n, request[:8], response[:8])
		}
	}
}

// A body that is coming when its caller goes is nobody's until it has come.
func TestBorrowedIsGivenUpHalfway(t *testing.T) {
	half, gone := make(chan bool), make(chan bool)
	conn := hostile(t, ocall.Service{large}, func(h host) {
		first := h.next()
		body := bytes.Repeat([]byte{'1'}, 200<<10)
		b := first.answer(body).bytes()
		h.Write(b[:100<<10])
		half <- true
		<-gone
		var second asked
		for second.kind != kindRequest {
			second = h.next()
		}
		h.Write(b[100<<10:])
		h.Write(second.answer(bytes.Repeat([]byte{'2'}, 200<<10)).bytes())
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-half; cancel() }()
	err := large.CallBorrowed(ctx, conn, nil, func([]byte) error { t.Error("used"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(gone)
	err = large.CallBorrowed(t.Context(), conn, nil, func(b []byte) error {
		if len(b) != 200<<10 || bytes.Count(b, []byte{'2'}) != len(b) {
			t.Errorf("%d bytes, %d of them its own", len(b), bytes.Count(b, []byte{'2'}))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestShelf(t *testing.T) {
	const long = 1 << 20
	var s ocall.Shelf
	s.Put(make([]byte, 64<<10)) // not long
	s.Put(make([]byte, 5*long)) // too long for any shelf
	if s.Take(1, 8*long) != nil {
		t.Error("kept what it should not")
	}
	for n := range 6 {
		s.Put(make([]byte, 1, long+n))
	}
	var kept []int
	for {
		b := s.Take(long, 2*long)
		if b == nil {
			break
		}
		if len(b) != 0 {
			t.Error("not empty")
		}
		kept = append(kept, cap(b)-long)
	}
	if !slices.Equal(kept, []int{5, 4, 3}) { // of the mebibytes that fit, the last
		t.Error(kept)
	}
	s.Put(make([]byte, long))
	if s.Take(long+1, 2*long) != nil || s.Take(100<<10, long-1) != nil || s.Take(long, long) == nil || s.Take(long, long) != nil {
		t.Error("took what does not suit, or not what does")
	}
}

// A call in use has to wait for the memory of its own outer one, and is told so.
func TestCallsWhileBorrowing(t *testing.T) {
	f := ocall.Func[[]byte, []byte]{Name: "f", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 100, MaxResponse: 100, Timeout: long}
	var mux ocall.Mux
	f.HandleBorrowed(&mux, echoes)
	l := listen(t)
	go mux.Serve(t.Context(), l, ocall.Service{f})
	t.Setenv(ocall.AddressVariable, "unix:"+l.Addr().String())
	for memory, fits := range map[int64]bool{200: false, 399: false, 400: true, 0: true} {
		conn, err := ocall.Dialer{Memory: memory}.Dial(t.Context(), ocall.Service{f})
		if err != nil {
			t.Fatal(err)
		}
		inner := f
		if !fits {
			inner.Timeout = 50 * time.Millisecond
		}
		err = f.CallBorrowed(t.Context(), conn, []byte("outer"), func(b []byte) error {
			_, err := inner.Call(t.Context(), conn, b)
			if !fits {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				if _, sooner := f.Call(ctx, conn, b); !strings.Contains(sooner.Error(), "no turn in time") {
					t.Error(sooner)
				}
			}
			if string(b) != "outer" {
				t.Errorf("%d: %q", memory, b)
			}
			return err
		})
		if fits != (err == nil) || !fits && (!errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no turn in time")) {
			t.Errorf("%d bytes: %v", memory, err)
		}
		conn.Close()
	}
}
