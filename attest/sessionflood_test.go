package attest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// asking has a client that proves nothing send its hello, and no more.
func asking(t *testing.T, s *attest.Session) (*rawEnd, <-chan error) {
	t.Helper()
	near, far := wire(t)
	done := make(chan error, 1)
	go func() {
		_, err := s.Server(t.Context(), far)
		done <- err
	}()
	e := must(newRawEnd(t, near, asClient, asServer, &tls.Config{InsecureSkipVerify: true}, nil))(t)
	e.sayHello()
	return e, done
}

// occupied is a server whose only slot is taken until free is called.
func occupied(t *testing.T, m *machine) (s *attest.Session, made *atomic.Int64, free func()) {
	q, stuck, begun := m.quoter(t, "friend"), make(chan struct{}), make(chan struct{}, 100)
	q.before = func(context.Context) error { begun <- struct{}{}; <-stuck; return nil }
	s = &attest.Session{Self: q, AnyPeer: true, TLS: plainConfig(t), MaxQuotes: 1}
	asking(t, s)
	<-begun
	return s, &q.made, sync.OnceFunc(func() { close(stuck) })
}

// TestSessionQuotesForNobody: clients that leave, say something or refuse while
// they wait have nothing quoted, and hold up nobody.
func TestSessionQuotesForNobody(t *testing.T) {
	m := newMachine(t)
	s, made, free := occupied(t, m)
	defer free()
	for name, test := range map[string]struct {
		act  func(*rawEnd)
		want error
	}{
		"leaves":         {func(e *rawEnd) { e.conn.Close() }, nil},
		"is cut off":     {func(e *rawEnd) { e.conn.NetConn().Close() }, nil},
		"refuses":        {func(e *rawEnd) { e.say(sayRefused, []byte{1}) }, attest.ErrRefused},
		"accepts before": {func(e *rawEnd) { e.say(sayAccepted, nil) }, attest.ErrMalformed},
		"says hello":     {func(e *rawEnd) { e.sayHello() }, attest.ErrMalformed},
		"says anything":  {func(e *rawEnd) { e.conn.Write([]byte("GET / HTTP/1.1\r\n")) }, attest.ErrMalformed},
	} {
		for range 4 {
			e, done := asking(t, s)
			test.act(e)
			select {
			case err := <-done:
				if err == nil || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("%s: %v", name, err)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%s: still waits", name)
			}
		}
	}
	free()
	client, server := meet(t, &attest.Session{Peer: m.verifier(t, "friend")}, s)
	check(t, client.err)
	check(t, server.err)
	if n := made.Load(); n > 2 {
		t.Errorf("%d quotes, want those of the first client and the last", n)
	}
}

// TestSessionQuotesQueue has more clients wait than may.
func TestSessionQuotesQueue(t *testing.T) {
	m := newMachine(t)
	s, _, free := occupied(t, m)
	defer free()
	type refused struct {
		*rawEnd
		err error
	}
	ends := make(chan refused, 17)
	for range 17 {
		e, done := asking(t, s)
		go func() { ends <- refused{e, <-done} }()
	}
	select {
	case e := <-ends:
		if e.err == nil || !strings.Contains(e.err.Error(), "too many others") {
			t.Errorf("one of 17: %v", e.err)
		}
		e.hear() // hello
		if kind, why := e.hear(); kind != sayRefused || why[0] != 4 {
			t.Errorf("the client is told %d, %v", kind, why)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("17 wait for one slot")
	}
	select {
	case e := <-ends:
		t.Errorf("another of 17: %v", e.err)
	case <-time.After(50 * time.Millisecond):
	}
}

// TestSessionQuoterPanics ends one connection.
func TestSessionQuoterPanics(t *testing.T) {
	m := newMachine(t)
	q := m.quoter(t, "friend")
	var mended atomic.Bool
	q.before = func(context.Context) error {
		if !mended.Load() {
			panic("index out of range")
		}
		return nil
	}
	s := &attest.Session{Self: q, AnyPeer: true, TLS: plainConfig(t), MaxQuotes: 1}
	c := &attest.Session{Peer: m.verifier(t, "friend")}
	for range 2 { // it gives its slot back
		client, server := meet(t, c, s)
		if !errors.Is(client.err, attest.ErrRefused) || server.err == nil || !strings.Contains(server.err.Error(), "panicked") {
			t.Errorf("%v, %v", client.err, server.err)
		}
	}
	mended.Store(true)
	client, server := meet(t, c, s)
	check(t, client.err)
	check(t, server.err)
}

// TestSessionListenerCrowded has silent connections take every place. They have
// them for 3 seconds if others wait, else for 10.
func TestSessionListenerCrowded(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	l := listen(t, &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: plainConfig(t), MaxPending: 4})
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	for range 4 {
		silent := must(net.Dial("tcp", l.Addr().String()))(t)
		defer silent.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	conn, err := (&attest.Session{Peer: m.verifier(t, "friend")}).Dial(ctx, "tcp", l.Addr().String())
	check(t, err)
	conn.Close()
}

// TestSessionBegin: a server waits 10 seconds for a client to say anything, and
// says so.
func TestSessionBegin(t *testing.T) {
	s := &attest.Session{Peer: newMachine(t).verifier(t, "friend"), TLS: plainConfig(t)}
	for name, hello := range map[string]bool{"silent": false, "no hello": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				if hello {
					go tls.Client(near, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context())
				}
				start := time.Now()
				_, err := s.Server(t.Context(), far)
				if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "attest: ") {
					t.Errorf("%v", err)
				}
				if d := time.Since(start); d != 10*time.Second {
					t.Errorf("it waits %v", d)
				}
			})
		})
	}
}

// TestSessionReportOfOthers asks with states that no connection has.
func TestSessionReportOfOthers(t *testing.T) {
	s := &attest.Session{Peer: newMachine(t).verifier(t, "friend")}
	for name, state := range map[string]tls.ConnectionState{
		"zero":           {},
		"httptest":       *httptest.NewRequest("GET", "https://x/", nil).TLS,
		"made by hand":   {Version: tls.VersionTLS13, HandshakeComplete: true},
		"with a suite":   {Version: tls.VersionTLS13, HandshakeComplete: true, CipherSuite: tls.TLS_AES_128_GCM_SHA256},
		"resumed":        {Version: tls.VersionTLS13, HandshakeComplete: true, CipherSuite: tls.TLS_AES_128_GCM_SHA256, DidResume: true},
		"of an old kind": {Version: tls.VersionTLS12, HandshakeComplete: true, CipherSuite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	} {
		if r, err := s.Report(state); r != nil || !errors.Is(err, attest.ErrUnsupported) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// TestSessionAdvice is for those who have connected to something else.
func TestSessionAdvice(t *testing.T) {
	m := newMachine(t)
	near, far := wire(t)
	go func() {
		conn := tls.Server(far, plainConfig(t))
		conn.Write([]byte("220 mail.example ESMTP\r\n"))
	}()
	_, err := (&attest.Session{Peer: m.verifier(t, "friend")}).Client(t.Context(), near, "x")
	if !errors.Is(err, attest.ErrMalformed) || !strings.Contains(err.Error(), "connect with TLSConfig") || strings.Contains(err.Error(), "sent again") {
		t.Errorf("%v", err)
	}
}

// TestSessionUnbuffered: the ends speak in turn, over what has no buffers too.
func TestSessionUnbuffered(t *testing.T) {
	for name, pair := range ends(t, newMachine(t)) {
		near, far := net.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		done := make(chan error, 1)
		go func() {
			_, err := pair[1].Server(ctx, far)
			done <- err
		}()
		if _, err := pair[0].Client(ctx, near, "x"); err != nil {
			t.Errorf("%s: client: %v", name, err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: server: %v", name, err)
		}
		cancel()
		near.Close()
	}
}
