package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// restarting is a host at one path that can be stopped and started.
type restarting struct {
	t    *testing.T
	path string
	mux  *ocall.Mux
	s    ocall.Service
	stop func()
}

func (r *restarting) start() {
	r.t.Helper()
	l, err := net.Listen("unix", r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.mux.Serve(ctx, l, r.s) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-served })
	r.t.Cleanup(r.stop)
}

func newRestarting(t *testing.T, mux *ocall.Mux, s ocall.Service) *restarting {
	r := &restarting{t: t, path: filepath.Join(t.TempDir(), "s"), mux: mux, s: s}
	t.Setenv(ocall.AddressVariable, "unix:"+r.path)
	r.start()
	return r
}

// Whoever asks while a host stops gets the answers of what was begun.
func TestBegunCallsAreAnswered(t *testing.T) {
	for range 20 {
		f := declare[[]byte, []byte]("f")
		f.MaxRequest, f.MaxResponse = 1<<20, 1<<20
		var begun, answered atomic.Int32
		mux := ocall.Mux{Grace: long}
		f.Handle(&mux, func(_ context.Context, b []byte) ([]byte, error) {
			begun.Add(1)
			time.Sleep(time.Millisecond)
			return b, nil
		})
		l, stop, served := serve(t, &mux, ocall.Service{f})
		conn := dial(t, l, ocall.Service{f})
		var callers sync.WaitGroup
		for i := range 20 {
			callers.Go(func() {
				for {
					if _, err := f.Call(t.Context(), conn, make([]byte, 10+i*8<<10)); err != nil {
						return
					}
					answered.Add(1)
				}
			})
		}
		until(t, "calls were answered", func() bool { return answered.Load() > 20 })
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		callers.Wait()
		conn.Close()
		if begun.Load() != answered.Load() {
			t.Errorf("%d begun, %d answered", begun.Load(), answered.Load())
		}
	}
}

// An interceptor sees panics and answers that are too long, as callers do.
func TestInterceptorsSeeEveryFailure(t *testing.T) {
	f := declare[string, []byte]("f")
	f.MaxResponse = 10
	var seen []string
	var log bytes.Buffer
	mux := ocall.Mux{Interceptors: []ocall.Interceptor{
		ocall.LogCalls(slog.New(slog.NewTextHandler(&log, nil))),
		func(ctx context.Context, _ *ocall.Handling, next func(context.Context) error) error {
			err := next(ctx)
			if seen = append(seen, fmt.Sprint(err)); len(seen) == 3 {
				return nil
			}
			return err
		},
	}}
	f.Handle(&mux, func(_ context.Context, how string) ([]byte, error) {
		if how == "panic" {
			panic(how)
		}
		return make([]byte, 11), nil
	})
	conn := connect(t, &mux, ocall.Service{f})
	for _, how := range []string{"panic", "long", "swallowed"} {
		var said *ocall.HostError
		if _, err := f.Call(t.Context(), conn, how); !errors.As(err, &said) {
			t.Error(err)
		}
	}
	const long = "a response of 11 bytes, 10 allowed"
	if want := []string{"internal error", long, long}; !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

func TestHostIsRestarted(t *testing.T) {
	began := make(chan bool, 10)
	wait := declare[string, string]("wait") // answers only the second time
	again := wait
	again.Name, again.Idempotent = "wait again", true
	again.Name = "wait.again"
	var mu sync.Mutex
	calls := map[string]int{}
	var mux ocall.Mux
	handle := func(ctx context.Context, name string) (string, error) {
		mu.Lock()
		calls[name]++
		n := calls[name]
		mu.Unlock()
		if n > 1 {
			return name, nil
		}
		began <- true
		<-ctx.Done()
		select {} // as if the host had died
	}
	wait.Handle(&mux, handle)
	again.Handle(&mux, handle)
	service := ocall.Service{wait, again}
	for name, c := range map[string]struct {
		policy ocall.Reconnect
		call   ocall.Func[string, string]
		ok     bool // of the call under way
		next   bool
	}{
		"never":                 {ocall.Never, again, false, false},
		"fail":                  {ocall.Fail, again, false, true},
		"retry":                 {ocall.Retry, again, true, true},
		"retry, not idempotent": {ocall.Retry, wait, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			clear(calls)
			// The connection is cut at the trusted half's side, so that a handler
			// that hangs does not matter.
			l := listen(t)
			go mux.Serve(t.Context(), l, service)
			var current net.Conn
			d := ocall.Dialer{Reconnect: c.policy, Connect: func(ctx context.Context) (net.Conn, error) {
				nc, err := net.Dial("unix", l.Addr().String())
				current = nc
				return nc, err
			}}
			conn, err := d.Dial(t.Context(), service)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { <-began; current.(*net.UnixConn).CloseRead() }()
			got, err := c.call.Call(t.Context(), conn, "a")
			if c.ok != (got == "a") || !c.ok && !errors.Is(err, ocall.ErrClosed) {
				t.Error(got, err)
			}
			got, err = c.call.Call(t.Context(), conn, "a")
			if c.next != (got == "a") || !c.next && !errors.Is(err, ocall.ErrClosed) {
				t.Error("the next:", got, err)
			}
		})
	}
}

func TestHostRestartIsSurvived(t *testing.T) {
	var mux ocall.Mux
	echo.Handle(&mux, func(ctx context.Context, p []byte) ([]byte, error) { return p, nil })
	zeros.Handle(&mux, sendZeros)
	r := newRestarting(t, &mux, ocall.Service{echo, zeros})
	conn, err := ocall.Dialer{Reconnect: ocall.Fail}.Dial(t.Context(), ocall.Service{echo, zeros})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				if _, err := echo.Call(t.Context(), conn, []byte("x")); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		r.stop()
		eventually(t, func() bool { return conn.Err() != nil })
		hasty := echo
		hasty.Timeout = time.Millisecond
		if _, err := hasty.Call(t.Context(), conn, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("without a host:", err)
		}
		restarted := make(chan bool)
		go func() {
			defer close(restarted)
			f, err := zeros.Open(t.Context(), conn, 3)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if _, err := f.Receive(); err != nil {
				t.Error(err)
			}
		}()
		r.start()
		<-restarted
	}
	conn.Close()
	if _, err := echo.Call(t.Context(), conn, nil); !errors.Is(err, ocall.ErrClosed) {
		t.Error("after Close:", err)
	}
}

// Who misbehaved once is not asked again.
func TestViolationsAreNotRetried(t *testing.T) {
	dialled := 0
	l := listen(t)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			h := host{t, nc}
			go func() {
				h.next()
				h.Write(helloOf(Service))
				h.next()
				h.Write(make([]byte, 16))
			}()
		}
	}()
	d := ocall.Dialer{Reconnect: ocall.Retry, Connect: func(ctx context.Context) (net.Conn, error) {
		dialled++
		return net.Dial("unix", l.Addr().String())
	}}
	conn, err := d.Dial(t.Context(), Service)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f := patient
	f.Idempotent = true
	for range 2 {
		if _, err := f.Call(t.Context(), conn, "a"); !errors.Is(err, ocall.ErrViolation) || !errors.Is(err, ocall.ErrClosed) {
			t.Error(err)
		}
	}
	if dialled != 1 {
		t.Errorf("dialled %d times", dialled)
	}
}

func TestInterceptors(t *testing.T) {
	var log bytes.Buffer
	var seen []string
	mux := ocall.Mux{Interceptors: []ocall.Interceptor{
		ocall.LogCalls(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		func(ctx context.Context, h *ocall.Handling, next func(context.Context) error) error {
			if h.Call == "blob.stat" {
				return errors.New("not today")
			}
			err := next(context.WithValue(ctx, seenKey{}, "value"))
			seen = append(seen, h.Call)
			if h.Request != 2 || h.Response != 3 || err != nil {
				t.Errorf("%+v, %v", h, err)
			}
			return err
		},
	}}
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) {
		if ctx.Value(seenKey{}) != "value" {
			t.Error("the handler has another context")
		}
		return []byte("abc"), nil
	})
	Stat.Handle(&mux, func(ctx context.Context, name string) (Entry, error) { return Entry{}, nil })
	conn := connect(t, &mux, Service)
	if _, err := Load.Call(t.Context(), conn, "a"); err != nil {
		t.Error(err)
	}
	var said *ocall.HostError
	if _, err := Stat.Call(t.Context(), conn, "a"); !errors.As(err, &said) || said.Message != "not today" {
		t.Error(err)
	}
	if !slices.Equal(seen, []string{"blob.load"}) {
		t.Error(seen)
	}
	for _, want := range []string{"level=DEBUG msg=ocall call=blob.load request=2 response=3", "level=WARN msg=ocall call=blob.stat", `error="not today"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s, want %s", log.String(), want)
		}
	}
}

type seenKey struct{}

// A call with a limit of its own does not keep others from their turns.
func TestConcurrencyOfACall(t *testing.T) {
	slow, fast := declare[string, string]("slow"), declare[string, string]("fast")
	slow.Concurrency = 2
	began, proceed := make(chan bool, 1000), make(chan bool)
	var mux ocall.Mux
	slow.Handle(&mux, func(ctx context.Context, s string) (string, error) { began <- true; <-proceed; return s, nil })
	fast.Handle(&mux, func(ctx context.Context, s string) (string, error) { return s, nil })
	conn := connect(t, &mux, ocall.Service{slow, fast})
	var callers sync.WaitGroup
	for range 2 * ocall.InFlight {
		callers.Go(func() {
			if _, err := slow.Call(t.Context(), conn, ""); err != nil {
				t.Error(err)
			}
		})
	}
	<-began
	<-began
	eventually(t, func() bool { return ocall.Waiting(conn) == 2*ocall.InFlight }) // more than there are slots
	if _, err := fast.Call(t.Context(), conn, ""); err != nil {
		t.Error("kept from its turn:", err)
	}
	if len(began) > 0 {
		t.Error("more than two ran")
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := slow.Call(ctx, conn, ""); !errors.Is(err, context.Canceled) {
		t.Error("waiting for a turn outlived the context:", err)
	}
	hasty := slow
	hasty.Timeout = time.Millisecond
	if _, err := hasty.Call(t.Context(), conn, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("waiting for a turn outlived the timeout:", err)
	}
	close(proceed)
	callers.Wait()
}

// Who asks first leaves first, however many more callers there are than slots.
func TestTurnsAreFair(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	const n = 3 * ocall.InFlight
	order, proceed := make(chan byte, n), make(chan bool)
	conn := hostile(t, ocall.Service{f}, func(h host) {
		var waiting []asked
		for range n {
			if len(waiting) == ocall.InFlight {
				<-proceed
				h.Write(waiting[len(waiting)/2].answer(nil).bytes()) // in no order
				waiting = slices.Delete(waiting, len(waiting)/2, len(waiting)/2+1)
			}
			a := h.next()
			waiting = append(waiting, a)
			order <- a.body[0]
		}
		for _, a := range waiting {
			h.Write(a.answer(nil).bytes())
		}
	})
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			if _, err := f.Call(t.Context(), conn, []byte{byte(i)}); err != nil {
				t.Error(err)
			}
		})
		eventually(t, func() bool { return ocall.Waiting(conn) == i+1 })
	}
	close(proceed)
	callers.Wait()
	for i := range n {
		if got := <-order; got != byte(i) {
			t.Errorf("call %d left as number %d", got, i)
		}
	}
}

// What goes on when the host stops may finish within the time of grace.
func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		grace time.Duration
		want  error
	}{"enough": {long, nil}, "too short": {time.Millisecond, context.Canceled}} {
		t.Run(name, func(t *testing.T) {
			began, proceed, saw := make(chan bool), make(chan bool), make(chan error, 1)
			f := declare[string, string]("f")
			mux := ocall.Mux{Grace: c.grace}
			f.Handle(&mux, func(ctx context.Context, s string) (string, error) {
				close(began)
				select {
				case <-ctx.Done():
				case <-proceed:
				}
				saw <- ctx.Err()
				return s, ctx.Err()
			})
			l, stop, served := serve(t, &mux, ocall.Service{f})
			conn := dial(t, l, ocall.Service{f})
			defer conn.Close()
			go func() {
				<-began
				stop()
				if c.want == nil {
					time.Sleep(5 * time.Millisecond)
					close(proceed)
				}
			}()
			if _, err := f.Call(t.Context(), conn, "x"); (err == nil) != (c.want == nil) {
				t.Error(err)
			}
			if err := <-saw; !errors.Is(err, c.want) {
				t.Error("the handler saw", err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
