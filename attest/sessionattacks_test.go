package attest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// A trap has an honest end and an attacker at the other. The attacker has a
// genuine enclave that the honest end trusts, and which quotes whatever it is
// asked to: all that is wrong with its evidence is what it was made for.
type trap struct {
	*testing.T
	m       *machine
	cert    tls.Certificate // the attacker's
	spki    []byte
	v       *attest.Verifier
	session *attest.Session // the honest end's
}

func newTrap(t *testing.T) *trap {
	m := newMachine(t)
	cert := plainCertificate(t)
	leaf := must(x509.ParseCertificate(cert.Certificate[0]))(t)
	return &trap{t, m, cert, leaf.RawSubjectPublicKeyInfo, m.verifier(t, "friend"), nil}
}

func (s *trap) quote(data [64]byte) []byte { return s.m.quote(s, enclave("friend"), data) }

// client has an honest client meet an attacker in the place of the server,
// whose handshake is over.
func (s *trap) client(session *attest.Session, attack func(*rawEnd)) error {
	s.Helper()
	near, far := wire(s)
	go func() {
		defer far.Close()
		e, err := newRawEnd(s, far, asServer, modeOf(session, asClient), &tls.Config{Certificates: []tls.Certificate{s.cert}}, s.spki)
		if err == nil {
			attack(e)
			io.Copy(io.Discard, e.conn) // until the honest end has made up its mind
		}
	}()
	conn, err := session.Client(s.Context(), near, "vault.example")
	near.Close()
	if (conn == nil) == (err == nil) {
		s.Error("neither a connection nor an error, or both")
	}
	return err
}

// server is the same with an honest server.
func (s *trap) server(session *attest.Session, attack func(*rawEnd)) error {
	s.Helper()
	near, far := wire(s)
	go func() {
		defer near.Close()
		var asked bool
		e, err := newRawEnd(s, near, asClient, modeOf(session, asServer), &tls.Config{
			InsecureSkipVerify:   true,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { asked = true; return &s.cert, nil },
		}, s.spki)
		if err == nil {
			if !asked {
				e.own = nil
			}
			attack(e)
			io.Copy(io.Discard, e.conn)
		}
	}()
	conn, err := session.Server(s.Context(), far)
	far.Close()
	if (conn == nil) == (err == nil) {
		s.Error("neither a connection nor an error, or both")
	}
	return err
}

// modeOf is what the session of an honest end wants.
func modeOf(s *attest.Session, self byte) (mode byte) {
	if s.Self != nil {
		mode |= self
	}
	if s.Peer != nil {
		mode |= asClient + asServer - self
	}
	return mode
}

// honest are sessions that demand evidence, and how an attacker meets them.
func (s *trap) honest() map[string]func(attack func(*rawEnd)) error {
	withCertificate := &tls.Config{Certificates: []tls.Certificate{plainCertificate(s)}, ClientAuth: tls.RequireAnyClientCert}
	clients := map[string]*attest.Session{
		"client":        {Peer: s.v},
		"mutual client": {Peer: s.v, Self: s.m.quoter(s, "friend")},
	}
	servers := map[string]*attest.Session{
		"server":        {Peer: s.v, TLS: plainConfig(s)},
		"mutual server": {Peer: s.v, Self: s.m.quoter(s, "friend"), TLS: withCertificate},
	}
	all := map[string]func(func(*rawEnd)) error{}
	for name, session := range clients {
		all[name] = func(attack func(*rawEnd)) error { return s.client(session, attack) }
	}
	for name, session := range servers {
		all[name] = func(attack func(*rawEnd)) error { return s.server(session, attack) }
	}
	return all
}

// prove is what an honest end would do, but for what the quote is made for.
func (e *rawEnd) prove(quote func() []byte) {
	if !e.greet() {
		return
	}
	if e.role == asServer && e.mode&asClient != 0 {
		e.hear() // the honest client's evidence
	}
	e.say(sayEvidence, quote())
	if e.role == asServer {
		e.say(sayAccepted, nil)
		return
	}
	if e.mode&asServer != 0 {
		e.hear()
	}
	if kind, _ := e.hear(); kind == sayAccepted {
		e.say(sayAccepted, nil)
	}
}

// refuses checks that every honest end refuses what is bound to other terms,
// and accepts the same evidence with the right ones.
func (s *trap) refuses(t *testing.T, change func(*terms)) {
	t.Helper()
	for name, meet := range s.honest() {
		good := meet(func(e *rawEnd) { e.prove(func() []byte { return s.quote(e.data()) }) })
		if good != nil {
			t.Errorf("%s: the attacker cannot even do it right: %v", name, good)
		}
		err := meet(func(e *rawEnd) {
			e.prove(func() []byte { b := e.terms; change(&b); return s.quote(b.data()) })
		})
		if !errors.Is(err, attest.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestE1_ExporterOfAnotherSession(t *testing.T) {
	s := newTrap(t)
	var other *rawEnd // of the same certificate, with another client
	near, far := wire(t)
	go tls.Client(near, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context())
	other = must(newRawEnd(t, far, asServer, asServer, &tls.Config{Certificates: []tls.Certificate{s.cert}}, s.spki))(t)
	s.refuses(t, func(b *terms) { b.exporter = other.exporter })
	s.refuses(t, func(b *terms) { b.exporter = make([]byte, 32) })
	s.refuses(t, func(b *terms) { b.exporter = nil })
}

func TestE2_WrongRole(t *testing.T) {
	s := newTrap(t)
	s.refuses(t, func(b *terms) { b.role = asClient + asServer - b.role })
	s.refuses(t, func(b *terms) { b.role = 0 })
	s.refuses(t, func(b *terms) { b.own, b.peer = b.peer, b.own })
}

// TestE2_Reflection says back to an end what it has said itself. It is its own
// enclave, which it trusts, and the same exporter.
func TestE2_Reflection(t *testing.T) {
	s := newTrap(t)
	mutual := &attest.Session{Peer: s.v, Self: s.m.quoter(t, "friend")}
	hello := func(e *rawEnd) {
		kind, body := e.hear()
		e.say(kind, body)
	}
	if err := s.client(mutual, hello); !errors.Is(err, attest.ErrForged) {
		t.Errorf("hello: %v", err)
	}
	own := func(change func(body []byte)) func(*rawEnd) {
		return func(e *rawEnd) {
			_, body := e.hear()
			change(body)
			e.say(sayHello, body)
		}
	}
	if err := s.client(mutual, own(func(b []byte) { b[0] = asServer })); !errors.Is(err, attest.ErrForged) {
		t.Errorf("nonce: %v", err)
	}
	if err := s.client(mutual, own(func(b []byte) { b[2] ^= 1 })); !errors.Is(err, attest.ErrForged) {
		t.Errorf("role: %v", err)
	}
	evidence := func(e *rawEnd) {
		if !e.greet() {
			return
		}
		_, quote := e.hear()
		e.say(sayEvidence, quote)
		e.say(sayAccepted, nil)
	}
	if err := s.client(mutual, evidence); !errors.Is(err, attest.ErrForged) {
		t.Errorf("evidence: %v", err)
	}
}

func TestE3_WrongNonce(t *testing.T) {
	s := newTrap(t)
	random := make([]byte, 32)
	rand.Read(random)
	s.refuses(t, func(b *terms) { b.nonce = random })
	s.refuses(t, func(b *terms) { b.nonce = make([]byte, 32) })
	s.refuses(t, func(b *terms) { b.nonce = nil })
}

// TestE4_NonceReuse shows evidence that was good for an earlier connection of
// the same two ends, and has an end believe that its nonce is the earlier one.
func TestE4_NonceReuse(t *testing.T) {
	s := newTrap(t)
	for name, meet := range s.honest() {
		var first terms
		var quote []byte
		err := meet(func(e *rawEnd) {
			e.prove(func() []byte { first, quote = e.terms, s.quote(e.data()); return quote })
		})
		check(t, err)
		if err := meet(func(e *rawEnd) { e.prove(func() []byte { return quote }) }); !errors.Is(err, attest.ErrForged) {
			t.Errorf("%s: the quote of the last connection: %v", name, err)
		}
		err = meet(func(e *rawEnd) {
			e.prove(func() []byte {
				if bytes.Equal(e.nonce, first.nonce) {
					t.Errorf("%s: a nonce twice", name)
				}
				b := e.terms
				b.nonce = first.nonce
				return s.quote(b.data())
			})
		})
		if !errors.Is(err, attest.ErrForged) {
			t.Errorf("%s: the nonce of the last connection: %v", name, err)
		}
	}
}

func TestE4_KeysOfAnother(t *testing.T) {
	s := newTrap(t)
	other := must(x509.ParseCertificate(plainCertificate(t).Certificate[0]))(t).RawSubjectPublicKeyInfo
	s.refuses(t, func(b *terms) { b.own = other })
	s.refuses(t, func(b *terms) { b.own = append(bytes.Clone(b.own), 0) })
	s.refuses(t, func(b *terms) { b.peer = other })
	s.refuses(t, func(b *terms) { // the same bytes with the line between them elsewhere
		both, at := append(bytes.Clone(b.own), b.peer...), len(b.own)-1
		if len(b.own) == 0 {
			at = 1
		}
		b.own, b.peer = both[:at], both[at:]
	})
	s.refuses(t, func(b *terms) { b.tag = "cleave session-bound quote v2\x00" })
}

// TestE5_Truncated ends the connection after every byte of what an honest
// server says, and cuts the quote in every way there is.
func TestE5_Truncated(t *testing.T) {
	s := newTrap(t)
	session := &attest.Session{Peer: s.v}
	whole := func(e *rawEnd) []byte {
		kind, body := e.hear()
		if kind != sayHello {
			return nil
		}
		e.nonce = body[2:]
		b := rawFrame(sayHello, append([]byte{e.role, e.mode}, e.mine...))
		b = append(b, rawFrame(sayEvidence, s.quote(e.data()))...)
		return append(b, rawFrame(sayAccepted, nil)...)
	}
	n := 0
	check(t, s.client(session, func(e *rawEnd) { b := whole(e); n = len(b); e.conn.Write(b) }))
	step := 97 // a prime: all of the frames' heads, and some of the quote
	for cut := 0; cut < n; {
		err := s.client(session, func(e *rawEnd) { e.conn.Write(whole(e)[:cut]); e.conn.Close() })
		if err == nil {
			t.Fatalf("accepted after %d bytes of %d", cut, n)
		}
		if cut < 60 || cut > n-10 {
			cut++
		} else {
			cut += min(step, max(1, n-10-cut))
		}
	}
	for name, cut := range map[string]func([]byte) []byte{
		"a byte short": func(q []byte) []byte { return q[:len(q)-1] },
		"half":         func(q []byte) []byte { return q[:len(q)/2] },
		"body only":    func(q []byte) []byte { return q[:1020] },
		"too short":    func(q []byte) []byte { return q[:1019] },
		"nothing":      func([]byte) []byte { return nil },
		"a byte more":  func(q []byte) []byte { return append(q, 0) },
		"too long":     func(q []byte) []byte { return append(q, make([]byte, 16385-len(q))...) },
	} {
		for end, meet := range s.honest() {
			if err := meet(func(e *rawEnd) { e.prove(func() []byte { return cut(s.quote(e.data())) }) }); !errors.Is(err, attest.ErrMalformed) {
				t.Errorf("%s: %s: %v", end, name, err)
			}
		}
	}
}

// TestE6_BinderBesideTheQuote says the right report data everywhere but in the
// quote.
func TestE6_BinderBesideTheQuote(t *testing.T) {
	s := newTrap(t)
	for name, quote := range map[string]func([64]byte) []byte{
		"nowhere":   func(d [64]byte) []byte { return s.quote([64]byte{}) },
		"half":      func(d [64]byte) []byte { clear(d[32:]); return s.quote(d) },
		"last byte": func(d [64]byte) []byte { d[63] ^= 1; return s.quote(d) },
		"behind it": func(d [64]byte) []byte { return append(s.quote([64]byte{}), d[:]...) },
		"written over": func(d [64]byte) []byte {
			q := s.quote([64]byte{})
			copy(q[48+320:], d[:])
			return q
		},
		"of a certificate": func(d [64]byte) []byte { return s.quote(attest.ReportData("a certificate", d[:])) },
	} {
		for end, meet := range s.honest() {
			err := meet(func(e *rawEnd) { e.prove(func() []byte { return quote(e.data()) }) })
			if !errors.Is(err, attest.ErrForged) && !errors.Is(err, attest.ErrMalformed) {
				t.Errorf("%s: %s: %v", end, name, err)
			}
		}
	}
}

// TestE7_AttestationSkipped has peers that come to the point.
func TestE7_AttestationSkipped(t *testing.T) {
	s := newTrap(t)
	for name, attack := range map[string]func(*rawEnd){
		"application data at once": func(e *rawEnd) { io.WriteString(e.conn, "GET / HTTP/1.1\r\nHost: vault.example\r\n\r\n") },
		"application data after hello": func(e *rawEnd) {
			e.greet()
			io.WriteString(e.conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		},
		"accepted at once":     func(e *rawEnd) { e.say(sayAccepted, nil); e.say(sayAccepted, nil) },
		"accepted after hello": func(e *rawEnd) { e.greet(); e.say(sayAccepted, nil); e.say(sayAccepted, nil) },
		"nobody proves":        func(e *rawEnd) { e.mode = 0; e.greet(); e.say(sayAccepted, nil) },
		"only the other proves": func(e *rawEnd) {
			e.mode = asClient + asServer - e.role
			e.greet()
			e.say(sayAccepted, nil)
		},
		"the end":         func(e *rawEnd) { e.conn.Close() },
		"the end, later":  func(e *rawEnd) { e.greet(); e.conn.Close() },
		"another version": func(e *rawEnd) { e.conn.Write([]byte{'C', 'S', 'B', 2, sayHello, 0, 0, 0}) },
		"a reserved byte": func(e *rawEnd) { e.conn.Write([]byte{'C', 'S', 'B', 1, sayAccepted, 1, 0, 0}) },
		"a refusal":       func(e *rawEnd) { e.say(sayRefused, []byte{255}) },
	} {
		for end, meet := range s.honest() {
			if err := meet(attack); err == nil {
				t.Errorf("%s: %s: accepted", end, name)
			}
		}
	}
}

// TestE7_NotAcknowledged has peers that prove themselves and do not say whether
// they accept the other, but go on.
func TestE7_NotAcknowledged(t *testing.T) {
	s := newTrap(t)
	client := &attest.Session{Peer: s.v}
	err := s.client(client, func(e *rawEnd) {
		e.greet()
		e.say(sayEvidence, s.quote(e.data()))
		io.WriteString(e.conn, "220 welcome\r\n")
	})
	if !errors.Is(err, attest.ErrMalformed) {
		t.Errorf("server: %v", err)
	}
	server := &attest.Session{Peer: s.v, TLS: plainConfig(t)}
	err = s.server(server, func(e *rawEnd) {
		e.greet()
		e.say(sayEvidence, s.quote(e.data()))
		e.hear()
		io.WriteString(e.conn, "GET / HTTP/1.0\r\n\r\n")
	})
	if !errors.Is(err, attest.ErrMalformed) {
		t.Errorf("client: %v", err)
	}
}

// TestE8_SecondAttestation says things twice, within the round and after it.
func TestE8_SecondAttestation(t *testing.T) {
	s := newTrap(t)
	client := &attest.Session{Peer: s.v}
	for name, attack := range map[string]func(*rawEnd){
		"hello": func(e *rawEnd) {
			e.greet()
			e.sayHello()
			e.say(sayEvidence, s.quote(e.data()))
			e.say(sayAccepted, nil)
		},
		"evidence": func(e *rawEnd) {
			e.greet()
			e.say(sayEvidence, s.quote(e.data()))
			e.say(sayEvidence, s.quote(e.data()))
			e.say(sayAccepted, nil)
		},
	} {
		if err := s.client(client, attack); !errors.Is(err, attest.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	near, far := wire(t)
	again := append(rawFrame(sayHello, make([]byte, 34)), rawFrame(sayAccepted, nil)...)
	go func() {
		e, err := newRawEnd(t, far, asServer, asServer, &tls.Config{Certificates: []tls.Certificate{s.cert}}, s.spki)
		if err != nil {
			return
		}
		e.prove(func() []byte { return s.quote(e.data()) })
		e.conn.Write(again)
		e.conn.Close()
	}()
	conn := must(client.Client(t.Context(), near, ""))(t)
	report := conn.Report()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, again) {
		t.Errorf("after the round %x is the application's, not %x, %v", again, got, err)
	}
	if conn.Report() != report {
		t.Error("there is another report")
	}
}

// TestE9_Relay has an attacker with the leaf key of an attested server between
// it and its clients. It terminates both connections and copies what it reads.
// With evidence in the certificate alone, it is not noticed.
func TestE9_Relay(t *testing.T) {
	m := newMachine(t)
	leaked := m.draft(t, "friend").make(t)
	v := m.verifier(t, "friend")
	config := func() *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{leaked}, ClientAuth: tls.RequestClientCert}
	}
	relay := func(t *testing.T, toServer net.Conn, fromClient net.Conn) {
		outer := tls.Server(fromClient, config())
		if outer.HandshakeContext(t.Context()) != nil {
			return
		}
		inner := tls.Client(toServer, &tls.Config{InsecureSkipVerify: true, Certificates: config().Certificates})
		if inner.HandshakeContext(t.Context()) != nil {
			return
		}
		go func() { io.Copy(inner, outer); inner.CloseWrite() }()
		io.Copy(outer, inner)
		outer.Close()
		inner.Close()
	}
	t.Run("certificate-bound", func(t *testing.T) {
		client, attacker := wire(t)
		forward, server := wire(t)
		go relay(t, forward, attacker)
		go func() {
			c := tls.Server(server, config())
			io.WriteString(c, "secret")
			c.Close()
		}()
		got, err := io.ReadAll(tls.Client(client, v.TLSConfig()))
		if err != nil || string(got) != "secret" {
			t.Errorf("the attack does not work where it should: %q, %v", got, err)
		}
	})
	for name, self := range map[string]attest.Quoter{"one-way": nil, "mutual": m.quoter(t, "friend")} {
		t.Run(name, func(t *testing.T) {
			client, attacker := wire(t)
			forward, server := wire(t)
			go relay(t, forward, attacker)
			there := &attest.Session{Self: m.quoter(t, "friend"), AnyPeer: self == nil, TLS: config()}
			here := &attest.Session{Peer: v, Self: self, TLS: v.TLSConfig()}
			if self != nil {
				there.Peer = v
				here.TLS.Certificates = config().Certificates
			}
			failed := make(chan error, 1)
			go func() {
				_, err := there.Server(t.Context(), server)
				failed <- err
			}()
			_, err := here.Client(t.Context(), client, "")
			serverErr := <-failed
			if err == nil || serverErr == nil {
				t.Fatalf("the client says %v, the server %v", err, serverErr)
			}
			if self == nil && !errors.Is(err, attest.ErrForged) {
				t.Errorf("the client says %v", err)
			}
			if self != nil && !errors.Is(serverErr, attest.ErrForged) {
				t.Errorf("the server says %v", serverErr)
			}
		})
	}
}

// TestE10_TLS has handshakes that cannot be bound. They do not come to be, and
// would be refused if they did.
func TestE10_TLS(t *testing.T) {
	s := newTrap(t)
	client := &attest.Session{Peer: s.v}
	near, far := wire(t)
	go tls.Server(far, &tls.Config{Certificates: []tls.Certificate{s.cert}, MaxVersion: tls.VersionTLS12}).HandshakeContext(t.Context())
	if _, err := client.Client(t.Context(), near, ""); err == nil || errors.Is(err, attest.ErrUnsupported) {
		t.Errorf("TLS 1.2 is offered by a client: %v", err)
	}
	server := &attest.Session{Peer: s.v, TLS: plainConfig(t)}
	near, far = wire(t)
	go tls.Client(near, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).HandshakeContext(t.Context())
	if _, err := server.Server(t.Context(), far); err == nil || errors.Is(err, attest.ErrUnsupported) {
		t.Errorf("TLS 1.2 is taken by a server: %v", err)
	}
	// A server of the same ticket keys, and a careless client's cache.
	careless := &tls.Config{Certificates: []tls.Certificate{s.cert}}
	careless.SetSessionTicketKeys([][32]byte{{1}})
	cache := tls.NewLRUClientSessionCache(1)
	plain := func(version uint16) *tls.Conn {
		near, far := wire(t)
		go func() { c := tls.Server(far, careless); io.WriteString(c, "x"); c.Close() }()
		c := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "x", ClientSessionCache: cache, MaxVersion: version})
		io.ReadAll(c)
		return c
	}
	if err := client.Bindable(plain(0)); err != nil {
		t.Errorf("a full handshake of TLS 1.3: %v", err)
	}
	if c := plain(0); !c.ConnectionState().DidResume || !errors.Is(client.Bindable(c), attest.ErrUnsupported) {
		t.Errorf("a resumed one: %v", client.Bindable(c))
	}
	if err := client.Bindable(plain(tls.VersionTLS12)); !errors.Is(err, attest.ErrUnsupported) {
		t.Errorf("one of TLS 1.2: %v", err)
	}
	plain(0)
	resuming := &attest.Session{Peer: s.v, TLS: &tls.Config{InsecureSkipVerify: true, ServerName: "x", ClientSessionCache: cache}}
	serving := &attest.Session{Self: s.m.quoter(t, "friend"), AnyPeer: true, TLS: careless}
	c, other := meet(t, resuming, serving)
	check(t, c.err)
	check(t, other.err)
	if c.conn.ConnectionState().DidResume || other.conn.ConnectionState().DidResume {
		t.Error("resumed")
	}
}

// TestE11_ReportWithoutARound: a connection that has had no round has no
// report, whatever its certificate, and the exporter is not touched too early.
func TestE11_ReportWithoutARound(t *testing.T) {
	m := newMachine(t)
	session := &attest.Session{Peer: m.verifier(t, "friend")}
	address := serve(t, &tls.Config{Certificates: []tls.Certificate{m.draft(t, "friend").make(t)}})
	var early error
	config := m.verifier(t, "friend").TLSConfig()
	config.VerifyConnection = func(cs tls.ConnectionState) error { _, early = session.Report(cs); return nil }
	state, err := dial(t, address, config)
	check(t, err)
	if r, err := session.Report(state); err == nil || r != nil || early == nil {
		t.Errorf("%v, %v; within the handshake %v", r, err, early)
	}
	if _, err := session.Report(tls.ConnectionState{}); err == nil {
		t.Error("of no connection")
	}
}

// FuzzSessionServer has clients say anything at all.
func FuzzSessionServer(f *testing.F) {
	m := newMachine(f)
	server := &attest.Session{Self: m.quoter(f, "friend"), Peer: m.verifier(f, "friend"), TLS: plainConfig(f)}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(rawFrame(sayHello, append([]byte{asClient, 3}, make([]byte, 32)...)))
	f.Add(append(rawFrame(sayHello, append([]byte{asClient, 3}, make([]byte, 32)...)), rawFrame(sayAccepted, nil)...))
	f.Fuzz(func(t *testing.T, said []byte) {
		near, far := net.Pipe()
		defer near.Close()
		go func() {
			c := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
			if c.HandshakeContext(context.Background()) != nil {
				return
			}
			go io.Copy(io.Discard, c)
			c.Write(said)
			c.CloseWrite()
		}()
		if _, err := server.Server(t.Context(), far); err == nil {
			t.Error("accepted")
		}
	})
}
