package attest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// quoter is an enclave of a machine.
type quoter struct {
	t      testing.TB
	m      *machine
	name   string
	made   atomic.Int64
	before func(context.Context) error // making a quote
}

func (q *quoter) RawQuote(ctx context.Context, data [64]byte) ([]byte, error) {
	if q.before != nil {
		if err := q.before(ctx); err != nil {
			return nil, err
		}
	}
	q.made.Add(1)
	return q.m.quote(q.t, enclave(q.name), data), nil
}

func (m *machine) quoter(t testing.TB, name string) *quoter { return &quoter{t: t, m: m, name: name} }

// plainCertificate is one that says nothing of enclaves.
func plainCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "vault.example"},
		DNSNames:     []string{"vault.example"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))(t)}
}

func plainConfig(t testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{plainCertificate(t)}}
}

// wire is the two ends of a TCP connection.
func wire(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	near = must(net.Dial("tcp", l.Addr().String()))(t)
	far = must(l.Accept())(t)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

type outcome struct {
	conn *attest.Conn
	err  error
}

// meet has a client and a server meet.
func meet(t testing.TB, c, s *attest.Session) (client, server outcome) {
	t.Helper()
	near, far := wire(t)
	done := make(chan outcome, 1)
	go func() {
		conn, err := s.Server(t.Context(), far)
		done <- outcome{conn, err}
	}()
	client.conn, client.err = c.Client(t.Context(), near, "vault.example")
	return client, <-done
}

// ends are sessions for each mode, of enclaves that trust each other.
func ends(t testing.TB, m *machine) map[string][2]*attest.Session {
	v := m.verifier(t, "friend")
	self := func() *quoter { return m.quoter(t, "friend") }
	return map[string][2]*attest.Session{
		"the server proves": {{Peer: v}, {Self: self(), AnyPeer: true, TLS: plainConfig(t)}},
		"both prove":        {{Peer: v, Self: self()}, {Self: self(), Peer: v, TLS: plainConfig(t)}},
		"both prove, with certificates": {
			{Peer: v, Self: self(), TLS: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{plainCertificate(t)}}},
			{Self: self(), Peer: v, TLS: &tls.Config{Certificates: []tls.Certificate{plainCertificate(t)}, ClientAuth: tls.RequireAnyClientCert}},
		},
		"the client proves": {
			{Self: self(), AnyPeer: true, TLS: &tls.Config{InsecureSkipVerify: true}},
			{Peer: v, TLS: plainConfig(t)},
		},
	}
}

func TestSession(t *testing.T) {
	m := newMachine(t)
	for name, pair := range ends(t, m) {
		t.Run(name, func(t *testing.T) {
			client, server := meet(t, pair[0], pair[1])
			check(t, client.err)
			check(t, server.err)
			go func() {
				io.WriteString(client.conn, "hello from the application")
				client.conn.CloseWrite()
			}()
			if got, err := io.ReadAll(server.conn); err != nil || string(got) != "hello from the application" {
				t.Errorf("%q, %v", got, err)
			}
			for i, end := range []outcome{client, server} {
				checkEnd(t, pair[i], end.conn)
			}
		})
	}
}

// checkEnd checks what an end knows of the other.
func checkEnd(t *testing.T, s *attest.Session, conn *attest.Conn) {
	t.Helper()
	state := conn.ConnectionState()
	if state.Version != tls.VersionTLS13 || state.DidResume {
		t.Errorf("TLS %x, resumed %v", state.Version, state.DidResume)
	}
	r, err := s.Report(state)
	if s.AnyPeer {
		if conn.Report() != nil || err == nil {
			t.Errorf("there is a report of nobody: %v", err)
		}
		return
	}
	if err != nil || r != conn.Report() || r.Measurement != enclave("friend").MRENCLAVE {
		t.Errorf("%v, %v", r, err)
	}
}

func TestSessionALPNAndNames(t *testing.T) {
	m := newMachine(t)
	cert := plainCertificate(t)
	leaf := must(x509.ParseCertificate(cert.Certificate[0]))(t)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	verify := &attest.Session{Peer: m.verifier(t, "friend"), TLS: &tls.Config{RootCAs: roots, NextProtos: []string{"a", "b"}}}
	service := &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"b"}}}
	client, server := meet(t, verify, service)
	check(t, client.err)
	check(t, server.err)
	state := client.conn.ConnectionState()
	if state.NegotiatedProtocol != "b" || len(state.VerifiedChains) == 0 {
		t.Errorf("protocol %q, %d chains", state.NegotiatedProtocol, len(state.VerifiedChains))
	}
	near, far := wire(t)
	go service.Server(t.Context(), far)
	if _, err := verify.Client(t.Context(), near, "other.example"); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("another name: %v", err)
	}
}

// TestSessionServerByTLSAlone: a client to which servers prove nothing verifies
// them in the usual way, also if nobody has told it how.
func TestSessionServerByTLSAlone(t *testing.T) {
	m := newMachine(t)
	q := m.quoter(t, "friend")
	client := &attest.Session{Self: q, AnyPeer: true}
	c, s := meet(t, client, &attest.Session{Peer: m.verifier(t, "friend"), TLS: plainConfig(t)})
	if !errors.As(c.err, new(*tls.CertificateVerificationError)) || s.err == nil || q.made.Load() != 0 {
		t.Errorf("%v, %v", c.err, s.err)
	}
}

// TestSessionCertificates has servers that choose their certificate in every
// way there is: the quote must name the one that was shown.
func TestSessionCertificates(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	one, two := plainCertificate(t), plainCertificate(t)
	returns := func(c *tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }
	}
	wrong := two
	wrong.Leaf = must(x509.ParseCertificate(one.Certificate[0]))(t)
	for name, config := range map[string]*tls.Config{
		"one":                  {Certificates: []tls.Certificate{one}},
		"several":              {Certificates: []tls.Certificate{{Certificate: one.Certificate, PrivateKey: one.PrivateKey, SupportedSignatureAlgorithms: []tls.SignatureScheme{tls.Ed25519}}, two}},
		"a function":           {GetCertificate: returns(&two)},
		"a function and one":   {Certificates: []tls.Certificate{one}, GetCertificate: returns(&two)},
		"a function with none": {Certificates: []tls.Certificate{one}, GetCertificate: returns(nil)},
		"another configuration": {Certificates: []tls.Certificate{one}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{two}}, nil
		}},
		"no other after all":     {Certificates: []tls.Certificate{one}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }},
		"a leaf that is not":     {Certificates: []tls.Certificate{wrong}},
		"tickets, renegotiation": {Certificates: []tls.Certificate{one}, Renegotiation: tls.RenegotiateFreelyAsClient, MinVersion: tls.VersionTLS10},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := meet(t, &attest.Session{Peer: v}, &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: config})
			check(t, client.err)
			check(t, server.err)
		})
	}
	none := &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: true, TLS: &tls.Config{}}
	if client, server := meet(t, &attest.Session{Peer: v}, none); client.err == nil || server.err == nil {
		t.Error("a server without a certificate")
	}
}

func TestSessionIsRefusedAsConfigured(t *testing.T) {
	m := newMachine(t)
	v, q := m.verifier(t, "friend"), m.quoter(t, "friend")
	for name, test := range map[string]struct {
		session *attest.Session
		what    string
	}{
		"zero":               {&attest.Session{}, "Peer is nil"},
		"nobody proves":      {&attest.Session{AnyPeer: true, TLS: plainConfig(t)}, "neither end"},
		"both at once":       {&attest.Session{Peer: v, AnyPeer: true, Self: q, TLS: plainConfig(t)}, "choose one"},
		"a forgotten peer":   {&attest.Session{Self: q, TLS: plainConfig(t)}, "Peer is nil"},
		"TLS 1.2":            {&attest.Session{Peer: v, TLS: &tls.Config{MaxVersion: tls.VersionTLS12}}, "MaxVersion"},
		"no server's config": {&attest.Session{Self: q, AnyPeer: true}, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := wire(t)
			if _, err := test.session.Server(t.Context(), far); err == nil || !strings.Contains(err.Error(), test.what) {
				t.Errorf("server: %v", err)
			}
			if test.session.TLS != nil || test.session.Self == nil {
				if _, err := test.session.Client(t.Context(), near, ""); err == nil || !strings.Contains(err.Error(), test.what) {
					t.Errorf("client: %v", err)
				}
			}
			defer func() {
				if recover() == nil {
					t.Error("it makes a listener")
				}
			}()
			test.session.Listener(nil)
		})
	}
}

// TestSessionModes has every client meet every server: only those that are set
// up alike connect, and nobody falls back.
func TestSessionModes(t *testing.T) {
	m := newMachine(t)
	all := ends(t, m)
	delete(all, "both prove, with certificates")
	for c := range all {
		for s := range all {
			client, server := meet(t, all[c][0], all[s][1])
			if c == s {
				check(t, client.err)
				check(t, server.err)
				continue
			}
			for _, err := range []error{client.err, server.err} {
				if !errors.Is(err, attest.ErrUnsupported) && !errors.Is(err, attest.ErrRefused) {
					t.Errorf("client: %s, server: %s: %v", c, s, err)
				}
			}
			if !errors.Is(server.err, attest.ErrUnsupported) {
				t.Errorf("client: %s, server: %s: the server says %v", c, s, server.err)
			}
		}
	}
}

// TestSessionStrangers has ends that are genuine, and not trusted.
func TestSessionStrangers(t *testing.T) {
	m, other := newMachine(t), newMachine(t)
	v := m.verifier(t, "friend")
	friend := func() *quoter { return m.quoter(t, "friend") }
	for name, test := range map[string]struct {
		q    *quoter
		want error
	}{
		"another enclave":  {m.quoter(t, "stranger"), attest.ErrPolicy},
		"another machine":  {other.quoter(t, "friend"), attest.ErrForged},
		"cannot be quoted": {&quoter{before: func(context.Context) error { return errors.New("no quoting enclave") }}, nil},
	} {
		t.Run("server: "+name, func(t *testing.T) {
			client, server := meet(t, &attest.Session{Peer: v}, &attest.Session{Self: test.q, AnyPeer: true, TLS: plainConfig(t)})
			if test.want == nil {
				test.want = attest.ErrRefused
			} else if !errors.Is(server.err, attest.ErrRefused) {
				t.Errorf("the server says %v", server.err)
			}
			if !errors.Is(client.err, test.want) || server.err == nil {
				t.Errorf("the client says %v", client.err)
			}
		})
		t.Run("client: "+name, func(t *testing.T) {
			q := friend()
			client, server := meet(t, &attest.Session{Peer: v, Self: test.q}, &attest.Session{Self: q, Peer: v, TLS: plainConfig(t)})
			if server.err == nil || client.err == nil || q.made.Load() != 0 {
				t.Errorf("%v, %v; the server had %d quotes made", client.err, server.err, q.made.Load())
			}
			if !errors.Is(server.err, test.want) {
				t.Errorf("the server says %v", server.err)
			}
		})
	}
	t.Run("the server trusts nobody", func(t *testing.T) {
		q := friend()
		client, server := meet(t, &attest.Session{Peer: v, Self: friend()}, &attest.Session{Self: q, Peer: m.verifier(t), TLS: plainConfig(t)})
		if !errors.Is(client.err, attest.ErrRefused) || !errors.Is(server.err, attest.ErrPolicy) || q.made.Load() != 0 {
			t.Errorf("%v, %v, %d quotes", client.err, server.err, q.made.Load())
		}
	})
}

// TestSessionWaits has ends that stop at every step, on both sides. Nobody
// waits for them longer than asked, nor when it is called off.
func TestSessionWaits(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	mutual := func(q *quoter, timeout time.Duration) *attest.Session {
		return &attest.Session{Self: q, Peer: v, TLS: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{plainCertificate(t)}}, Timeout: timeout}
	}
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	hang := func(context.Context) error { <-stuck; return errors.New("stuck") }
	deaf := &quoter{t: t, m: m, name: "friend", before: hang}
	for name, test := range map[string]func(t *testing.T, ctx context.Context, timeout time.Duration) error{
		"silent client": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			_, far := wire(t)
			_, err := mutual(m.quoter(t, "friend"), timeout).Server(ctx, far)
			return err
		},
		"silent server": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			near, _ := wire(t)
			_, err := mutual(m.quoter(t, "friend"), timeout).Client(ctx, near, "x")
			return err
		},
		"client without hello": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			near, far := wire(t)
			go tls.Client(near, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context())
			_, err := mutual(m.quoter(t, "friend"), timeout).Server(ctx, far)
			return err
		},
		"server without hello": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			near, far := wire(t)
			go tls.Server(far, plainConfig(t)).HandshakeContext(t.Context())
			_, err := mutual(m.quoter(t, "friend"), timeout).Client(ctx, near, "x")
			return err
		},
		"client without evidence": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			near, far := wire(t)
			go mutual(deaf, 0).Client(t.Context(), near, "x")
			_, err := mutual(m.quoter(t, "friend"), timeout).Server(ctx, far)
			return err
		},
		"server without evidence": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			near, far := wire(t)
			go mutual(deaf, 0).Server(t.Context(), far)
			_, err := mutual(m.quoter(t, "friend"), timeout).Client(ctx, near, "x")
			return err
		},
		"own quote": func(t *testing.T, ctx context.Context, timeout time.Duration) error {
			near, far := wire(t)
			go mutual(m.quoter(t, "friend"), 0).Server(t.Context(), far)
			_, err := mutual(deaf, timeout).Client(ctx, near, "x")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test(t, t.Context(), 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the timeout: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if err := test(t, ctx, 0); !errors.Is(err, context.Canceled) {
				t.Errorf("called off: %v", err)
			}
		})
	}
}

// TestSessionQuotesAtOnce floods a server with clients that prove nothing.
func TestSessionQuotesAtOnce(t *testing.T) {
	m := newMachine(t)
	var now, most atomic.Int64
	q := m.quoter(t, "friend")
	q.before = func(context.Context) error {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
		return nil
	}
	client := &attest.Session{Peer: m.verifier(t, "friend")}
	server := &attest.Session{Self: q, AnyPeer: true, TLS: plainConfig(t), MaxQuotes: 3}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if c, s := meet(t, client, server); c.err != nil || s.err != nil {
				t.Error(c.err, s.err)
			}
		})
	}
	all.Wait()
	if most.Load() != 3 {
		t.Errorf("%d quotes at once, want 3", most.Load())
	}
}
