package attest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// listen makes a listener of the session's, on a socket.
func listen(t testing.TB, s *attest.Session) *attest.Listener {
	t.Helper()
	l := s.Listener(must(net.Listen("tcp", "127.0.0.1:0"))(t))
	t.Cleanup(func() { l.Close() })
	return l
}

// serveHTTP answers with the protocol and the name of the client's enclave.
func serveHTTP(t testing.TB, s *attest.Session) (url string) {
	t.Helper()
	l := listen(t, s)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "anybody"
		if !s.AnyPeer {
			report, err := s.Report(*r.TLS)
			if err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			who = report.Measurement.String()
		}
		io.WriteString(w, r.Proto+" "+who)
	})}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return "https://" + l.Addr().String()
}

func TestSessionHTTP(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	friend := attest.Measurement(enclave("friend").MRENCLAVE).String()
	for name, test := range map[string]struct {
		protocols []string
		mutual    bool
		want      string
	}{
		"HTTP/1.1":         {nil, false, "HTTP/1.1 anybody"},
		"HTTP/2":           {[]string{"h2", "http/1.1"}, false, "HTTP/2.0 anybody"},
		"HTTP/1.1, mutual": {nil, true, "HTTP/1.1 " + friend},
		"HTTP/2, mutual":   {[]string{"h2", "http/1.1"}, true, "HTTP/2.0 " + friend},
	} {
		t.Run(name, func(t *testing.T) {
			service := &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: plainConfig(t)}
			client := &attest.Session{Peer: v, TLS: &tls.Config{InsecureSkipVerify: true, NextProtos: test.protocols}}
			service.TLS.NextProtos = test.protocols
			if test.mutual {
				service.AnyPeer, service.Peer = false, v
				client.Self = m.quoter(t, "friend")
			}
			url := serveHTTP(t, service)
			transport := client.Transport()
			defer transport.CloseIdleConnections()
			for range 2 {
				resp := must((&http.Client{Transport: transport}).Get(url))(t)
				body := must(io.ReadAll(resp.Body))(t)
				resp.Body.Close()
				if string(body) != test.want {
					t.Errorf("%q, want %q", body, test.want)
				}
				if r, err := client.Report(*resp.TLS); err != nil || r.Measurement.String() != friend {
					t.Errorf("the client knows %v, %v", r, err)
				}
			}
			if n := service.Self.(*quoter).made.Load(); n != 1 {
				t.Errorf("%d quotes for two requests on one connection", n)
			}
		})
	}
}

// TestSessionTransport leads away from the session in every way net/http has.
func TestSessionTransport(t *testing.T) {
	m := newMachine(t)
	session := &attest.Session{Peer: m.verifier(t, "friend")}
	attested := serveHTTP(t, &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: plainConfig(t)})
	plain := must(tls.Listen("tcp", "127.0.0.1:0", plainConfig(t)))(t)
	defer plain.Close()
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.Close()
		}
	}()
	proxy := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer proxy.Close()
	go http.Serve(proxy, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			return
		}
		from, buffered, _ := w.(http.Hijacker).Hijack()
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(to, buffered); to.Close() }()
		io.Copy(from, to)
		from.Close()
	}))
	for name, test := range map[string]struct {
		url   string
		proxy string
	}{
		"http":          {strings.Replace(attested, "https", "http", 1), ""},
		"not a session": {"https://" + plain.Addr().String(), ""},
		"by a proxy":    {"https://" + plain.Addr().String(), "http://" + proxy.Addr().String()},
	} {
		transport := session.Transport()
		if test.proxy != "" {
			transport.Proxy = http.ProxyURL(must(url.Parse(test.proxy))(t))
			transport.DialContext = nil // as a caller might, and trust anybody at all
			transport.TLSClientConfig.InsecureSkipVerify = true
		}
		if resp, err := (&http.Client{Transport: transport}).Get(test.url); err == nil {
			resp.Body.Close()
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

func TestSessionListener(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	var mu sync.Mutex
	var text bytes.Buffer
	service := &attest.Session{Self: m.quoter(t, "friend"), Peer: v, TLS: plainConfig(t), MaxPending: 2, Log: slog.New(slog.NewTextHandler(locked{&mu, &text}, nil))}
	l := listen(t, service)
	address := l.Addr().String()

	silent := must(net.Dial("tcp", address))(t) // one of the two places, for ten seconds
	defer silent.Close()
	stranger := &attest.Session{Peer: v, Self: m.quoter(t, "stranger")}
	friend := &attest.Session{Peer: v, Self: m.quoter(t, "friend")}
	got := make(chan *attest.Conn)
	go func() {
		for {
			conn, err := l.AcceptSession()
			if err != nil {
				close(got)
				return
			}
			got <- conn
		}
	}()
	if _, err := stranger.Dial(t.Context(), "tcp", address); !errors.Is(err, attest.ErrRefused) {
		t.Errorf("a stranger: %v", err)
	}
	conn := must(friend.Dial(t.Context(), "tcp", address))(t)
	defer conn.Close()
	accepted := <-got
	if accepted.Report().Measurement != enclave("friend").MRENCLAVE {
		t.Errorf("%v", accepted.Report())
	}
	accepted.Close()
	check(t, l.Close())
	if _, open := <-got; open {
		t.Error("Accept goes on after Close")
	}
	silent.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := silent.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what was not proved stays open: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(text.String(), "not trusted by the policy") {
		t.Errorf("the log says %q", text.String())
	}
}

type locked struct {
	*sync.Mutex
	io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Writer.Write(b)
}

// troubled is a listener with trouble, and then no more.
type troubled struct {
	net.Listener
	errs chan error
}

func (f *troubled) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

func TestSessionListenerHandsOnErrors(t *testing.T) {
	m := newMachine(t)
	trouble := errors.New("too many open files")
	f := &troubled{must(net.Listen("tcp", "127.0.0.1:0"))(t), make(chan error, 1)}
	f.errs <- trouble
	l := (&attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: plainConfig(t)}).Listener(f)
	defer l.Close()
	if _, err := l.Accept(); err != trouble {
		t.Errorf("%v", err)
	}
	go func() {
		(&attest.Session{Peer: m.verifier(t, "friend")}).Dial(t.Context(), "tcp", l.Addr().String())
	}()
	conn, err := l.Accept()
	check(t, err)
	if _, ok := conn.(*tls.Conn); !ok {
		t.Errorf("it is a %T", conn)
	}
	conn.Close()
}

// TestSessionThousand has a thousand connect at once, and stay.
func TestSessionThousand(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	m := newMachine(t)
	client := &attest.Session{Peer: m.verifier(t, "friend")}
	service := &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: plainConfig(t), MaxPending: n, MaxQuotes: 64}
	l := listen(t, service)
	before := inUse()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(conn, conn); conn.Close() }()
		}
	}()
	conns := make([]*attest.Conn, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			conn, err := client.Dial(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			conns[i] = conn
			io.WriteString(conn, "x")
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if c, s := client.SessionPeers(), service.SessionPeers(); c != n || s != 0 {
		t.Errorf("%d and %d reports are kept, want %d and none", c, s, n)
	}
	if each := (inUse() - before) / n; each > mostPerConnection {
		t.Errorf("%d bytes for the two ends of a connection", each)
	}
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
}

// mostPerConnection is several times what the two ends of one, their goroutine
// and their buffers take.
const mostPerConnection = 512 << 10

// inUse is the memory of all that is reachable, and of stacks.
func inUse() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc + stats.StackInuse)
}
