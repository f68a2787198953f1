package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// A connection that may be dialled again costs its calls nothing.
func TestReconnectIsFree(t *testing.T) {
	dir := startPeer(t)
	t.Setenv(ocall.AddressVariable, "unix:"+filepath.Join(dir, "calls"))
	for _, policy := range []ocall.Reconnect{ocall.Fail, ocall.Retry} {
		conn, err := ocall.Dialer{Reconnect: policy}.Dial(t.Context(), peerService)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		call, buf := echo, make([]byte, 64)
		call.Idempotent = true
		got := testing.AllocsPerRun(500, func() {
			if _, err := call.Call(t.Context(), conn, buf); err != nil {
				t.Fatal(err)
			}
		})
		if got > 4 && !raced {
			t.Errorf("%d: %.1f allocations", policy, got)
		}
	}
}

// What a call left behind is not another's: how long it had, for instance.
func TestTimeoutAfterALoss(t *testing.T) {
	f := declare[string, string]("f")
	slow := make(chan bool)
	var mux ocall.Mux
	f.Handle(&mux, func(_ context.Context, s string) (string, error) {
		if s == "slow" {
			<-slow
		}
		return s, nil
	})
	host := newRestarting(t, &mux, ocall.Service{f})
	conn, err := ocall.Dialer{Reconnect: ocall.Fail}.Dial(t.Context(), ocall.Service{f})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		first := f
		first.Timeout = 150 * time.Millisecond
		time.AfterFunc(60*time.Millisecond, func() { slow <- true }) // a tick has seen it
		if _, err := first.Call(t.Context(), conn, "slow"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Millisecond)
		host.stop()
		until(t, "the end is heard of", func() bool { return conn.Err() != nil })
		host.start()
		if _, err := f.Call(t.Context(), conn, "next"); err != nil {
			t.Error(err)
		}
	}
}

// Close ends what waits for a host that says nothing.
func TestCloseEndsDialling(t *testing.T) {
	f := declare[string, string]("f")
	var mux ocall.Mux
	f.Handle(&mux, func(_ context.Context, s string) (string, error) { return s, nil })
	host := newRestarting(t, &mux, ocall.Service{f})
	dialled := make(chan bool, 9)
	conn, err := ocall.Dialer{Reconnect: ocall.Fail, Connect: func(ctx context.Context) (net.Conn, error) {
		dialled <- true
		return net.Dial("unix", host.path)
	}}.Dial(t.Context(), ocall.Service{f})
	if err != nil {
		t.Fatal(err)
	}
	<-dialled
	host.stop()
	until(t, "the end is heard of", func() bool { return conn.Err() != nil })
	l, err := net.Listen("unix", host.path) // which never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { <-dialled; conn.Close() }()
	within(t, "the call", func() {
		if _, err := f.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrClosed) {
			t.Error(err)
		}
	})
}

// A long request is sent again as it was.
func TestLongRequestIsSentAgain(t *testing.T) {
	type content struct{ Data []byte }
	f := ocall.Func[content, int]{Name: "f", Check: ocall.Unchecked[content, int], MaxRequest: 2 << 20, Timeout: long, Idempotent: true}
	raw := large
	raw.Idempotent = true
	var mux ocall.Mux
	count := func(b []byte) int { return bytes.Count(b, []byte{7}) }
	f.Handle(&mux, func(_ context.Context, c content) (int, error) { return count(c.Data), nil })
	raw.Handle(&mux, func(_ context.Context, b []byte) ([]byte, error) { return make([]byte, count(b)), nil })
	s := ocall.Service{f, raw}
	l := listen(t)
	go mux.Serve(t.Context(), l, s)
	var dials int
	d := ocall.Dialer{Reconnect: ocall.Retry, Connect: func(ctx context.Context) (net.Conn, error) {
		if dials++; dials%2 == 0 {
			return net.Dial("unix", l.Addr().String())
		}
		here, there := net.Pipe()
		go func() { // a host that reads a request, and goes
			defer there.Close()
			h := host{t, there}
			h.next()
			h.Write(helloOf(s))
			h.next()
		}()
		return here, nil
	}}
	for name, call := range map[string]func(*ocall.Conn) (int, error){
		"encoded": func(conn *ocall.Conn) (int, error) {
			return f.Call(t.Context(), conn, content{bytes.Repeat([]byte{7}, 1<<20)})
		},
		"raw": func(conn *ocall.Conn) (int, error) {
			b, err := raw.Call(t.Context(), conn, bytes.Repeat([]byte{7}, 1<<20))
			return len(b), err
		},
		"short": func(conn *ocall.Conn) (int, error) {
			b, err := raw.Call(t.Context(), conn, bytes.Repeat([]byte{7}, 1<<10))
			return len(b) << 10, err
		},
	} {
		conn, err := d.Dial(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := call(conn); err != nil || n != 1<<20 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		conn.Close()
		dials = 0
	}
}

// A host of another build is dialled once; why nobody is there is said.
func TestWhyItIsNotDialledAgain(t *testing.T) {
	f, other := declare[string, string]("f"), declare[string, int]("f")
	other.Timeout = f.Timeout
	var mux, rebuilt ocall.Mux
	f.Handle(&mux, func(_ context.Context, s string) (string, error) { return s, nil })
	other.Handle(&rebuilt, func(context.Context, string) (int, error) { return 0, nil })
	host := newRestarting(t, &mux, ocall.Service{f})
	var dials atomic.Int32
	d := ocall.Dialer{Reconnect: ocall.Fail, Connect: func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		return net.Dial("unix", host.path)
	}}
	conn, err := d.Dial(t.Context(), ocall.Service{f})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	host.stop()
	until(t, "the end is heard of", func() bool { return conn.Err() != nil })
	soon := f
	soon.Timeout = 300 * time.Millisecond
	if _, err := soon.Call(t.Context(), conn, ""); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
	host.mux, host.s = &rebuilt, ocall.Service{other}
	host.start()
	for range 3 {
		if _, err := f.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrMismatch) {
			t.Error(err)
		}
	}
	before := dials.Load()
	if _, err := f.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrMismatch) || dials.Load() != before {
		t.Errorf("%v, dialled %d times more", err, dials.Load()-before)
	}
}
