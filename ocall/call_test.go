package ocall_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// long is a time nothing in these tests takes, unless it will never happen.
const long = 10 * time.Second

func declare[Req, Resp any](name string) ocall.Func[Req, Resp] {
	return ocall.Func[Req, Resp]{Name: name, Check: ocall.Unchecked[Req, Resp], Timeout: long}
}

func TestAnswersAreZeroWithAnError(t *testing.T) {
	lies := errors.New("not what was asked for")
	f := ocall.Func[string, Entry]{Name: "stat", Timeout: long, Check: func(name string, e Entry) error {
		if name == "panic" {
			return []error{}[len(e.Name)]
		}
		if e.Name != name {
			return lies
		}
		return nil
	}}
	var mux ocall.Mux
	f.Handle(&mux, func(ctx context.Context, name string) (Entry, error) {
		switch name {
		case "no":
			return Entry{"no", 1}, errors.New("line\nbreak \x1b[31m" + strings.Repeat("x", 2000))
		case "panic in the host":
			panic("secret of the host")
		case "exit in the host":
			runtime.Goexit()
		}
		return Entry{"a", 7}, nil
	})
	conn := connect(t, &mux, ocall.Service{f})
	for name, c := range map[string]struct {
		is   error
		said bool
		text string
	}{
		"a":                 {},
		"b":                 {is: lies, text: "ocall: stat: the other half misbehaved: its answer was refused: \"not what was asked for\""},
		"panic":             {is: ocall.ErrViolation},
		"no":                {said: true, text: `ocall: stat: the host said "line\nbreak \x1b[31mxx`},
		"panic in the host": {said: true, text: `ocall: stat: the host said "internal error"`},
		"exit in the host":  {said: true, text: `ocall: stat: the host said "internal error"`},
	} {
		e, err := f.Call(t.Context(), conn, name)
		var said *ocall.HostError
		switch {
		case err != nil && e != Entry{}:
			t.Errorf("%s: both %v and %v", name, e, err)
		case c.is != nil && !errors.Is(err, c.is) || errors.As(err, &said) != c.said || (err == nil) != (name == "a"):
			t.Errorf("%s: %v", name, err)
		case err != nil && !strings.HasPrefix(err.Error(), c.text):
			t.Errorf("%s: %v", name, err)
		case said != nil && len(said.Message) > ocall.MaxMessage:
			t.Errorf("%s: a message of %d bytes", name, len(said.Message))
		}
		if c.is != nil && (!errors.Is(err, ocall.ErrViolation) || errors.Is(err, ocall.ErrClosed)) {
			t.Errorf("%s: %v, want a violation that leaves the connection", name, err)
		}
	}
	if err := conn.Err(); err != nil {
		t.Error("the connection went with a call:", err)
	}
}

func TestLimits(t *testing.T) {
	f := declare[[]byte, []byte]("double")
	f.MaxRequest, f.MaxResponse = 100, 100
	var mux ocall.Mux
	f.Handle(&mux, func(ctx context.Context, b []byte) ([]byte, error) { return append(b, b...), nil })
	conn := connect(t, &mux, ocall.Service{f})
	if b, err := f.Call(t.Context(), conn, make([]byte, 50)); len(b) != 100 {
		t.Error("at the limit:", err)
	}
	if _, err := f.Call(t.Context(), conn, make([]byte, 101)); !errors.Is(err, ocall.ErrLimit) {
		t.Error("request over the limit:", err)
	}
	var said *ocall.HostError
	if _, err := f.Call(t.Context(), conn, make([]byte, 51)); !errors.As(err, &said) {
		t.Error("response over the limit:", err)
	}
}

func TestCallsOutsideTheService(t *testing.T) {
	conn := dialEcho(t)
	larger, other := echo, declare[string, []byte]("echo")
	larger.MaxResponse++
	for name, err := range map[string]error{
		"unknown":     second(declare[[]byte, []byte]("unknown").Call(t.Context(), conn, nil)),
		"other limit": second(larger.Call(t.Context(), conn, nil)),
		"other type":  second(other.Call(t.Context(), conn, "")),
	} {
		if !errors.Is(err, ocall.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unchecked := echo
	unchecked.Check = nil
	if got := panics(func() { unchecked.Call(t.Context(), conn, nil) }); !strings.Contains(got, "echo: Check is nil") {
		t.Error("nil Check at the call:", got)
	}
}

func second[T any](_ T, err error) error { return err }

// stuck is a service whose only handler reports that it began, and waits until
// its context ends or it is told to go on.
type stuck struct {
	call    ocall.Func[string, string]
	conn    *ocall.Conn
	began   chan string
	ended   chan error
	proceed chan struct{}
}

func newStuck(t *testing.T) *stuck {
	s := &stuck{call: declare[string, string]("stuck"), began: make(chan string, 1000), ended: make(chan error, 1000), proceed: make(chan struct{})}
	var mux ocall.Mux
	s.call.Handle(&mux, func(ctx context.Context, name string) (string, error) {
		s.began <- name
		select {
		case <-s.proceed:
			return name, nil
		case <-ctx.Done():
			s.ended <- ctx.Err()
			return "", ctx.Err()
		}
	})
	s.conn = connect(t, &mux, ocall.Service{s.call})
	return s
}

func TestGivingUpEndsTheHandler(t *testing.T) {
	s := newStuck(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-s.began; cancel() }()
	if _, err := s.call.Call(ctx, s.conn, "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-s.ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.call.Call(ctx, s.conn, "b"); !errors.Is(err, context.Canceled) {
		t.Error("a context that had ended:", err)
	}
	eventually(t, func() bool { return s.conn.Late() == 1 })
	close(s.proceed)
	if got, err := s.call.Call(t.Context(), s.conn, "c"); got != "c" {
		t.Error("after a late answer:", err)
	}
}

func TestTimeouts(t *testing.T) {
	s := newStuck(t)
	soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.call.Call(soon, s.conn, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("the caller's deadline:", err)
	}
	s.call.Timeout = time.Millisecond
	if _, err := s.call.Call(t.Context(), s.conn, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("the call's own:", err)
	}
}

func TestTurns(t *testing.T) {
	s := newStuck(t)
	var callers sync.WaitGroup
	for range ocall.InFlight {
		callers.Go(func() {
			if _, err := s.call.Call(t.Context(), s.conn, "a"); err != nil {
				t.Error(err)
			}
		})
	}
	for range ocall.InFlight {
		<-s.began
	}
	impatient := s.call
	impatient.Timeout = time.Millisecond
	if _, err := impatient.Call(t.Context(), s.conn, "one more"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("waiting for a turn outlived the timeout:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := s.call.Call(ctx, s.conn, "one more"); !errors.Is(err, context.Canceled) {
		t.Error("waiting for a turn outlived the context:", err)
	}
	close(s.proceed)
	callers.Wait()
	if len(s.began) != 0 {
		t.Error("more calls reached the host than may be in flight")
	}
}

func TestClose(t *testing.T) {
	s := newStuck(t)
	go func() { <-s.began; s.conn.Close() }()
	for range 2 {
		if _, err := s.call.Call(t.Context(), s.conn, "a"); !errors.Is(err, ocall.ErrClosed) || errors.Is(err, ocall.ErrViolation) {
			t.Error(err)
		}
	}
	<-s.ended // the host's handler as well
	if !errors.Is(s.conn.Err(), ocall.ErrClosed) {
		t.Error(s.conn.Err())
	}
}

func TestEachCallerHasItsOwnAnswer(t *testing.T) {
	f := ocall.Func[[]byte, []byte]{Name: "echo", Timeout: long, Check: func(req, resp []byte) error {
		if !bytes.Equal(req, resp) {
			return errors.New("another caller's answer")
		}
		return nil
	}, MaxRequest: 256 << 10, MaxResponse: 256 << 10}
	var mux ocall.Mux
	f.Handle(&mux, func(ctx context.Context, b []byte) ([]byte, error) {
		if b[0]%3 == 0 {
			runtime.Gosched()
		}
		return b, nil
	})
	conn := connect(t, &mux, ocall.Service{f})
	var callers sync.WaitGroup
	for caller := range 64 {
		callers.Go(func() {
			for n := range 50 {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if n%7 == 6 { // some give up, and their answers come late
					ctx, cancel = context.WithTimeout(ctx, time.Duration(n)*time.Microsecond)
				}
				nonce := make([]byte, 16+caller*n*40)
				binary.LittleEndian.PutUint64(nonce, uint64(caller<<32|n))
				if _, err := f.Call(ctx, conn, nonce); err != nil && (n%7 != 6 || !errors.Is(err, context.DeadlineExceeded)) {
					t.Error(caller, n, err)
				}
				cancel()
			}
		})
	}
	callers.Wait()
}

func TestServe(t *testing.T) {
	var mux ocall.Mux
	if err := mux.Serve(t.Context(), listen(t), ocall.Service{echo}); err == nil || err.Error() != "ocall: echo: no handler" {
		t.Error("missing handler:", err)
	}
	if err := mux.Covers(ocall.Service{echo}); err == nil || err.Error() != "ocall: echo: no handler" {
		t.Error("missing handler:", err)
	}
	handle := func(ctx context.Context, b []byte) ([]byte, error) { return b, nil }
	echo.Handle(&mux, handle)
	if err := mux.Covers(ocall.Service{echo}); err != nil {
		t.Error(err)
	}
	if got := panics(func() { echo.Handle(&mux, handle) }); got != "ocall: echo: handled twice" {
		t.Error(got)
	}
	nilCheck := ocall.Func[[]byte, []byte]{Name: "x"}
	if got := panics(func() { nilCheck.Handle(&mux, handle) }); !strings.Contains(got, "x: Check is nil") {
		t.Error(got)
	}
	if got := panics(func() { declare[[]byte, []byte]("x").Handle(&mux, nil) }); got != "ocall: x: handler is nil" {
		t.Error(got)
	}
	other := echo
	other.MaxRequest = 1
	if err := mux.Serve(t.Context(), listen(t), ocall.Service{other}); !errors.Is(err, ocall.ErrMismatch) {
		t.Error("handler of another declaration:", err)
	}
	l := listen(t)
	l.Close()
	if err := mux.Serve(t.Context(), l, ocall.Service{echo}); !errors.Is(err, net.ErrClosed) {
		t.Error("closed listener:", err)
	}
}

func TestServeEndsGracefully(t *testing.T) {
	var log bytes.Buffer
	f, began := declare[string, []byte]("slow"), make(chan bool)
	f.MaxResponse = 8 << 20 // more than the socket holds
	mux := ocall.Mux{Log: slog.New(slog.NewTextHandler(&log, nil))}
	f.Handle(&mux, func(ctx context.Context, s string) ([]byte, error) {
		close(began)
		<-ctx.Done()
		return make([]byte, 8<<20), nil
	})
	l, stop, served := serve(t, &mux, ocall.Service{f})
	conn := dial(t, l, ocall.Service{f})
	defer conn.Close()
	go func() { <-began; stop() }()
	if got, err := f.Call(t.Context(), conn, ""); len(got) != 8<<20 {
		t.Error(err)
	}
	if err := <-served; err != nil || log.Len() > 0 {
		t.Error(err, log.String())
	}
	if _, err := f.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrClosed) {
		t.Error(err)
	}
}

func TestConcurrencyOfHandlers(t *testing.T) {
	f := declare[string, string]("one at a time")
	f.Name = "one"
	var running, most int
	var mu sync.Mutex
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		running += n
		most = max(most, running)
	}
	mux := ocall.Mux{Concurrency: 2}
	f.Handle(&mux, func(ctx context.Context, s string) (string, error) {
		count(1)
		defer count(-1)
		time.Sleep(time.Millisecond)
		return s, nil
	})
	conn := connect(t, &mux, ocall.Service{f})
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			if _, err := f.Call(t.Context(), conn, ""); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if most > 2 {
		t.Errorf("%d handlers ran at once", most)
	}
}

// The connection need not have a descriptor, nor the peer read at once.
func TestOverAPipe(t *testing.T) {
	here, there := net.Pipe()
	var mux ocall.Mux
	echo.Handle(&mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- mux.Serve(ctx, oneConn(there), ocall.Service{echo}) }()
	conn, err := ocall.New(t.Context(), here, ocall.Service{echo})
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("ocall"), 100_000)
	if got, err := echo.Call(t.Context(), conn, want); !bytes.Equal(got, want) {
		t.Error(err)
	}
	conn.Close()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// connListener accepts one connection.
type connListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func oneConn(nc net.Conn) *connListener {
	l := &connListener{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	l.conns <- nc
	return l
}

func (l *connListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		return nil, io.EOF
	}
}

func (l *connListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *connListener) Addr() net.Addr { return &net.UnixAddr{} }

func TestDialAddresses(t *testing.T) {
	for name, c := range map[string]struct{ address, want string }{
		"unset":           {"", "is not set"},
		"no network":      {"/tmp/x", "not unix:PATH"},
		"no path":         {"unix:", "not unix:PATH"},
		"elsewhere":       {"tcp:192.0.2.1:80", "not unix:PATH"},
		"inside EGo":      {"tcp:255.0.0.1:80", "not unix:PATH"},
		"by name":         {"tcp:localhost:80", "not unix:PATH"},
		"UDP":             {"udp:127.0.0.1:80", "not unix:PATH"},
		"escape":          {"\x1b\n", `"\x1b\n"`},
		"nobody there":    {"unix:" + t.TempDir() + "/none", "no such file"},
		"loopback, empty": {"tcp:127.0.0.1:1", "refused"},
	} {
		t.Setenv(ocall.AddressVariable, c.address)
		if _, err := ocall.Dial(t.Context(), Service); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ocall.Dial(t.Context(), Service); !strings.HasPrefix(err.Error(), "ocall: ") {
		t.Error(err)
	}
}

func TestTCPLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mux ocall.Mux
	echo.Handle(&mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	go mux.Serve(t.Context(), l, ocall.Service{echo})
	t.Setenv(ocall.AddressVariable, "tcp:"+l.Addr().String())
	conn, err := ocall.Dial(t.Context(), ocall.Service{echo})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := echo.Call(t.Context(), conn, []byte("x")); string(got) != "x" {
		t.Error(err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("never happened")
}
