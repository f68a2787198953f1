package ocall_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// until waits for what another goroutine is about to do.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 10000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never: " + what)
}

// held is a handler that answers when told to, and how many calls it has.
func held(release chan bool, running *atomic.Int32) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, _ []byte) ([]byte, error) {
		running.Add(1)
		defer running.Add(-1)
		select {
		case <-release:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// A call that gave up while it waited for a place does not take its turn along.
func TestGivenUpCallsLeaveTheirTurns(t *testing.T) {
	alone := ocall.Func[[]byte, []byte]{Name: "alone", Check: ocall.Unchecked[[]byte, []byte], Concurrency: 1}
	busy := ocall.Func[[]byte, []byte]{Name: "busy", Check: ocall.Unchecked[[]byte, []byte], Timeout: long}
	release := make(chan bool)
	var running atomic.Int32
	var mux ocall.Mux
	busy.Handle(&mux, held(release, &running))
	alone.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return nil, nil })
	conn := connect(t, &mux, ocall.Service{alone, busy})
	for range ocall.InFlight {
		go busy.Call(context.Background(), conn, nil)
	}
	until(t, "all places taken", func() bool { return running.Load() == ocall.InFlight })

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := alone.Call(ctx, conn, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	soon := alone
	soon.Timeout = time.Millisecond
	if _, err := soon.Call(t.Context(), conn, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	close(release)
	alone.Timeout = long
	if _, err := alone.Call(t.Context(), conn, nil); err != nil {
		t.Error(err)
	}
}

// Memory has calls wait, the large ones too, and is given back.
func TestMemoryOfAConnection(t *testing.T) {
	f := ocall.Func[[]byte, []byte]{Name: "f", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 1 << 20, MaxResponse: 1 << 20, Timeout: long}
	release := make(chan bool)
	var running atomic.Int32
	var mux ocall.Mux
	f.Handle(&mux, held(release, &running))
	l, cancel, served := serve(t, &mux, ocall.Service{f})
	d := ocall.Dialer{Memory: 7 << 20, Connect: func(context.Context) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}
	conn, err := d.Dial(t.Context(), ocall.Service{f})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	done := make(chan error)
	for range 10 {
		go func() {
			_, err := f.Call(t.Context(), conn, nil)
			done <- err
		}()
	}
	until(t, "three run and seven wait", func() bool { return running.Load() == 3 && ocall.Waiting(conn) == 10 })
	time.Sleep(10 * time.Millisecond)
	if n := running.Load(); n != 3 {
		t.Errorf("%d calls of 2 MiB in 7 MiB", n)
	}
	close(release)
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	d.Memory = 2<<20 - 1
	if _, err := d.Dial(t.Context(), ocall.Service{f}); !errors.Is(err, ocall.ErrLimit) || !strings.Contains(err.Error(), "f may take 2097152 bytes") {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// More connections than a Mux serves wait for one to end.
func TestConnectionsOfAMux(t *testing.T) {
	mux := ocall.Mux{Connections: 2}
	Stat.Handle(&mux, func(_ context.Context, name string) (Entry, error) { return Entry{Name: name}, nil })
	l, cancel, served := serve(t, &mux, ocall.Service{Stat})
	first, second := dial(t, l, ocall.Service{Stat}), dial(t, l, ocall.Service{Stat})
	defer second.Close()
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := ocall.New(short, nc, ocall.Service{Stat}); err == nil {
		t.Fatal("a third connection is served")
	}
	first.Close()
	third := dial(t, l, ocall.Service{Stat})
	defer third.Close()
	if _, err := Stat.Call(t.Context(), third, "a"); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// Whatever is taken, dropped and added, the rest comes in order.
func TestFifo(t *testing.T) {
	var want []int
	var q ocall.Fifo[int]
	for i := range 10000 {
		switch i % 7 {
		case 0, 1, 2, 4:
			q.Push(i)
			want = append(want, i)
		case 6:
			if i%11 == 0 {
				q.Keep(want[len(want)/2:])
				want = want[len(want)/2:]
			}
		default:
			if got := q.Take(); got != want[0] {
				t.Fatalf("%d, want %d", got, want[0])
			}
			want = want[1:]
		}
		if !slices.Equal(q.Waiting(), want) {
			t.Fatalf("after %d: %v, want %v", i, q.Waiting(), want)
		}
	}
}

// A call sets little aside: its frames, its answer and what that holds.
func TestAllocationsOfACall(t *testing.T) {
	conn := dialPeer(t, startPeer(t))
	buf := make([]byte, 64)
	s := sample{ID: 1 << 40, Name: "a blob of some name", Size: 4096, Valid: true, Data: make([]byte, 16)}
	calls := map[string]struct {
		most float64
		call func() error
	}{
		"64 bytes":             {4, func() error { _, err := echo.Call(t.Context(), conn, buf); return err }},
		"five fields both way": {8, func() error { _, err := echoSample.Call(t.Context(), conn, s); return err }},
	}
	for name, c := range calls {
		got := testing.AllocsPerRun(500, func() {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %.1f allocations", name, got)
		if got > c.most && !raced {
			t.Errorf("%s: %.1f allocations, at most %.0f", name, got, c.most)
		}
	}
}
