package attest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// A pair is a machine of today, an enclave's certificate, and who trusts it:
// crypto/tls resumes nothing with expired certificates.
type pair struct {
	m    *machine
	v    *attest.Verifier
	cert tls.Certificate
}

func newPair(t testing.TB) *pair {
	t.Helper()
	m := newMachineAt(t, time.Now())
	return &pair{m, m.verifier(t, "friend"), m.leaf(t, "friend").in(t, ratls.DICE).make(t)}
}

// mutual is the configuration of an end that shows the certificate and requires
// one. Its peer may be set up alike.
func (p *pair) mutual() *tls.Config {
	config := p.v.TLSConfig()
	config.Certificates = []tls.Certificate{p.cert}
	return config
}

// plain verifies nothing, and shows the certificate.
func (p *pair) plain() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{p.cert}}
}

func refused(t *testing.T, err, want error) {
	t.Helper()
	if err == nil || want != nil && !errors.Is(err, want) {
		t.Errorf("%v; want %v", err, want)
	}
}

// TestTLSList has what goes wrong around a verified certificate (section D of
// the list of attacks), in the order of that list.
func TestTLSList(t *testing.T) {
	p := newPair(t)
	trusted := p.v.Policy
	distrust := func(t *testing.T) {
		p.v.Policy = attest.Policy{}
		t.Cleanup(func() { p.v.Policy = trusted })
	}
	t.Run("D_resumption_client", func(t *testing.T) {
		address := serve(t, p.plain())
		config := p.v.TLSConfig()
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			state, err := dial(t, address, config)
			check(t, err)
			if state.DidResume {
				t.Error("resumed")
			}
		}
		distrust(t)
		_, err := dial(t, address, config)
		refused(t, err, attest.ErrPolicy)
	})
	t.Run("D_resumption_server", func(t *testing.T) {
		address := serve(t, p.mutual())
		client := p.plain()
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			state, err := dial(t, address, client)
			check(t, err)
			if state.DidResume {
				t.Error("resumed")
			}
		}
		distrust(t)
		_, err := dial(t, address, client)
		refused(t, err, nil)
	})
	t.Run("D_shared_ClientSessionCache", func(t *testing.T) {
		address, cache := serve(t, p.plain()), tls.NewLRUClientSessionCache(1)
		careless := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: cache}
		for i := range 2 {
			state, err := dial(t, address, careless)
			check(t, err)
			if state.DidResume != (i > 0) {
				t.Fatal("the server does not resume, so that nothing is tested")
			}
		}
		distrust(t)
		config := p.v.TLSConfig()
		config.ClientSessionCache = cache
		_, err := dial(t, address, config)
		refused(t, err, attest.ErrPolicy)
	})
	t.Run("D_GetConfigForClient_parent_tickets", func(t *testing.T) {
		careless := true // at first
		parent := p.plain()
		parent.ClientAuth = tls.RequireAnyClientCert
		child, err := p.v.AddTo(parent)
		check(t, err)
		parent.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if careless {
				return nil, nil
			}
			return child, nil
		}
		address, client := serve(t, parent), p.plain()
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for i := range 2 {
			state, err := dial(t, address, client)
			check(t, err)
			if state.DidResume != (i > 0) {
				t.Fatal("the parent does not resume, so that nothing is tested")
			}
		}
		careless = false
		state, err := dial(t, address, client)
		if err != nil || state.DidResume {
			t.Errorf("%v, resumed %v", err, state.DidResume)
		}
		distrust(t)
		_, err = dial(t, address, client)
		refused(t, err, nil)
	})
	t.Run("D_DidResume", func(t *testing.T) {
		leaf := must(x509.ParseCertificate(p.cert.Certificate[0]))(t)
		r, err := p.v.Report(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, HandshakeComplete: true, DidResume: true})
		if r != nil {
			t.Errorf("%+v", r)
		}
		refused(t, err, attest.ErrUnsupported)
	})
	t.Run("D_Clone", func(t *testing.T) {
		distrust(t)
		_, err := dial(t, serve(t, p.plain()), p.v.TLSConfig().Clone())
		refused(t, err, attest.ErrPolicy)
	})
	t.Run("D_TLS12_server_refused", func(t *testing.T) {
		config := p.plain()
		config.MaxVersion = tls.VersionTLS12
		_, err := dial(t, serve(t, config), p.v.TLSConfig())
		refused(t, err, nil)
	})
	t.Run("D_TLS12_client_refused", func(t *testing.T) {
		config := p.plain()
		config.MaxVersion = tls.VersionTLS12
		_, err := dial(t, serve(t, p.mutual()), config)
		refused(t, err, nil)
	})
	t.Run("D_renegotiation", func(t *testing.T) {
		config := must(p.v.AddTo(&tls.Config{InsecureSkipVerify: true, Renegotiation: tls.RenegotiateFreelyAsClient}))(t)
		state, err := dial(t, serve(t, p.plain()), config)
		if err != nil || state.Version != tls.VersionTLS13 { // which has none
			t.Errorf("%v, version %#x", err, state.Version)
		}
	})
	t.Run("D_stolen_certificate_without_key", func(t *testing.T) {
		stolen := p.cert
		stolen.PrivateKey = newECDSA(t)
		v := p.m.verifier(t, "friend")
		address := serve(t, &tls.Config{Certificates: []tls.Certificate{stolen}})
		for range 2 { // also once the verdict on the certificate is remembered
			_, err := dial(t, address, v.TLSConfig())
			refused(t, err, nil)
		}
		if proven, _, _ := v.Kept(); proven != 0 {
			t.Errorf("%d proven", proven)
		}
		_, err := dial(t, serve(t, p.plain()), v.TLSConfig())
		check(t, err)
	})
	t.Run("D_no_client_certificate", func(t *testing.T) {
		_, err := dial(t, serve(t, p.mutual()), p.v.TLSConfig())
		refused(t, err, nil)
	})
	t.Run("D_NoClientCert_on_mutual_server", func(t *testing.T) {
		config := p.mutual()
		config.ClientAuth = tls.NoClientCert // by mistake
		_, err := dial(t, serve(t, config), p.mutual())
		refused(t, err, nil)
	})
	t.Run("D_mutual", func(t *testing.T) {
		_, err := dial(t, serve(t, p.mutual()), p.mutual())
		check(t, err)
	})
	t.Run("D_server_rejects_after_client_write", func(t *testing.T) {
		stranger := p.plain()
		stranger.Certificates[0] = p.m.leaf(t, "stranger").in(t, ratls.DICE).make(t)
		conn := must(tls.Dial("tcp", serve(t, p.mutual()), stranger))(t)
		defer conn.Close()
		check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		conn.Write([]byte("a secret")) // succeeds, for TLS 1.3 is like that
		if _, err := io.ReadFull(conn, make([]byte, 1)); err == nil {
			t.Error("the server has answered")
		}
	})
	t.Run("D_InsecureSkipVerify_unset", func(t *testing.T) {
		config := p.v.TLSConfig()
		config.InsecureSkipVerify, config.ServerName = false, "vault.example"
		_, err := dial(t, serve(t, p.plain()), config)
		refused(t, err, nil)
	})
	t.Run("D_users_VerifyConnection_called", func(t *testing.T) {
		ours := errors.New("ours")
		called := 0
		config := must(p.v.AddTo(&tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { called++; return ours }}))(t)
		_, err := dial(t, serve(t, p.plain()), config)
		refused(t, err, ours)
		distrust(t)
		_, err = dial(t, serve(t, p.plain()), config)
		refused(t, err, attest.ErrPolicy)
		if called != 1 {
			t.Errorf("called %d times: not for who is refused", called)
		}
	})
	t.Run("D_timeout_during_verification", func(t *testing.T) {
		v := p.m.verifier(t, "friend")
		v.Timeout = 20 * time.Millisecond
		v.Collateral = waiting{}
		_, err := dial(t, serve(t, p.plain()), v.TLSConfig())
		refused(t, err, context.DeadlineExceeded)
		refused(t, err, attest.ErrCollateral)
	})
	t.Run("D_200_KiB_certificate", func(t *testing.T) {
		l := p.m.leaf(t, "friend").in(t, ratls.DICE)
		l.add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 200<<10)})
		_, err := dial(t, serve(t, &tls.Config{Certificates: []tls.Certificate{l.make(t)}}), p.v.TLSConfig())
		refused(t, err, attest.ErrMalformed)
	})
	t.Run("D_two_certificates_of_35_KiB", func(t *testing.T) {
		l := p.m.leaf(t, "friend").in(t, ratls.DICE)
		l.add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 30<<10)})
		cert := l.make(t)
		_, err := dial(t, serve(t, &tls.Config{Certificates: []tls.Certificate{cert}}), p.v.TLSConfig())
		check(t, err)
		cert.Certificate = append(cert.Certificate, cert.Certificate[0])
		_, err = dial(t, serve(t, &tls.Config{Certificates: []tls.Certificate{cert}}), p.v.TLSConfig())
		refused(t, err, attest.ErrMalformed)
	})
	t.Run("D_256_KiB_message", func(t *testing.T) {
		l := p.m.leaf(t, "friend").in(t, ratls.DICE)
		l.add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 260<<10)})
		_, err := dial(t, serve(t, &tls.Config{Certificates: []tls.Certificate{l.make(t)}}), p.v.TLSConfig())
		refused(t, err, nil)
	})
	for _, n := range []int{3, 4, 299} {
		t.Run(fmt.Sprintf("D_%d_certificates", n+1), func(t *testing.T) {
			small := p.m.leaf(t, "friend").make(t).Certificate[0]
			chain := append([][]byte{p.cert.Certificate[0]}, slices.Repeat([][]byte{small}, n)...)
			long := &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: p.cert.PrivateKey}}}
			_, err := dial(t, serve(t, long), p.v.TLSConfig())
			if n < 4 {
				check(t, err)
				return
			}
			refused(t, err, attest.ErrMalformed)
		})
	}
	t.Run("D_concurrency", func(t *testing.T) {
		address, config := serve(t, p.mutual()), p.mutual()
		var wg sync.WaitGroup
		failures := make(chan error, 64)
		for range 64 {
			wg.Go(func() {
				conn, err := tls.Dial("tcp", address, config)
				if err == nil {
					_, err = io.ReadFull(conn, make([]byte, 5))
					if err == nil {
						_, err = p.v.Report(conn.ConnectionState())
					}
					conn.Close()
				}
				if err != nil {
					failures <- err
				}
			})
		}
		wg.Wait()
		close(failures)
		for err := range failures {
			t.Error(err)
		}
	})
}

// waiting is a source that has nothing until its caller gives up.
type waiting struct{}

func (waiting) Collateral(ctx context.Context, _ attest.Subject) (*attest.Collateral, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestTLSListQUIC offers sessions with early data, which nobody takes.
func TestTLSListQUIC(t *testing.T) {
	p := newPair(t)
	t.Run("D_0-RTT_QUIC", func(t *testing.T) {
		client := p.v.TLSConfig()
		client.ServerName, client.ClientSessionCache = "vault.example", tls.NewLRUClientSessionCache(1)
		client.NextProtos = []string{"h3"}
		server := p.plain() // never cloned: its ticket keys would not be
		server.MinVersion, server.NextProtos = tls.VersionTLS13, []string{"h3"}
		for i := range 2 {
			state, err := quic(t, client, server)
			if err != nil || state.DidResume {
				t.Fatalf("connection %d: %v, resumed %v", i, err, state.DidResume)
			}
		}
		careless := &tls.Config{InsecureSkipVerify: true, ServerName: "vault.example", ClientSessionCache: client.ClientSessionCache, MinVersion: tls.VersionTLS13, NextProtos: []string{"h3"}}
		for i := range 2 {
			state, err := quic(t, careless, server)
			if err != nil || state.DidResume != (i > 0) {
				t.Fatalf("a careless connection %d: %v, resumed %v: nothing is tested", i, err, state.DidResume)
			}
		}
		p.v.Policy = attest.Policy{}
		if _, err := quic(t, client, server); !errors.Is(err, attest.ErrPolicy) {
			t.Error(err)
		}
	})
}

// quic makes a handshake as a QUIC implementation has crypto/tls make it, and
// has the server send a session with early data.
func quic(t *testing.T, clientConfig, serverConfig *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	client, server := tls.QUICClient(&tls.QUICConfig{TLSConfig: clientConfig}), tls.QUICServer(&tls.QUICConfig{TLSConfig: serverConfig})
	defer client.Close()
	defer server.Close()
	client.SetTransportParameters(nil)
	server.SetTransportParameters(nil)
	if err := errors.Join(client.Start(t.Context()), server.Start(t.Context())); err != nil {
		return tls.ConnectionState{}, err
	}
	for range 20 {
		moved, err := exchange(client, server)
		back, backErr := exchange(server, client)
		if err != nil || backErr != nil {
			return tls.ConnectionState{}, errors.Join(err, backErr)
		}
		if !moved && !back {
			break
		}
	}
	return client.ConnectionState(), nil
}

// exchange passes on what one end has to say.
func exchange(from, to *tls.QUICConn) (moved bool, err error) {
	for {
		switch e := from.NextEvent(); e.Kind {
		case tls.QUICNoEvent:
			return moved, nil
		case tls.QUICWriteData:
			moved = true
			if err := to.HandleData(e.Level, e.Data); err != nil {
				return moved, err
			}
		case tls.QUICHandshakeDone:
			from.SendSessionTicket(tls.QUICSessionTicketOptions{EarlyData: true}) // an error at a client's end
		case tls.QUICTransportParametersRequired:
			from.SetTransportParameters(nil)
		}
	}
}

// TestAddTo keeps what a configuration has, and refuses what it cannot be had
// with.
func TestAddTo(t *testing.T) {
	p := newPair(t)
	seen := false
	base := &tls.Config{
		InsecureSkipVerify: true, KeyLogWriter: io.Discard, NextProtos: []string{"ours"}, MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{p.cert},
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { seen = true; return nil },
	}
	config := must(p.v.AddTo(base))(t)
	server := must(p.v.AddTo(base))(t)
	state, err := dial(t, serve(t, server), config)
	if err != nil || state.NegotiatedProtocol != "ours" || !seen || config.KeyLogWriter != io.Discard {
		t.Errorf("%v, protocol %q, its own called: %v", err, state.NegotiatedProtocol, seen)
	}
	if base.VerifyConnection != nil || base.MinVersion != tls.VersionTLS10 || base.SessionTicketsDisabled || base.ClientAuth != tls.NoClientCert {
		t.Error("the base was changed")
	}
	again := must(p.v.AddTo(p.v.TLSConfig()))(t)
	_, err = dial(t, serve(t, server), again)
	refused(t, err, nil) // shows none
	for name, config := range map[string]*tls.Config{
		"nil":                nil,
		"ends below":         {MaxVersion: tls.VersionTLS12},
		"keeps sessions":     {ClientSessionCache: tls.NewLRUClientSessionCache(1)},
		"wraps sessions":     {WrapSession: func(tls.ConnectionState, *tls.SessionState) ([]byte, error) { return nil, nil }},
		"unwraps sessions":   {UnwrapSession: func([]byte, tls.ConnectionState) (*tls.SessionState, error) { return nil, nil }},
		"answers with other": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }},
	} {
		if added, err := p.v.AddTo(config); err == nil || added != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for asked, want := range map[tls.ClientAuthType]tls.ClientAuthType{
		tls.NoClientCert: tls.RequireAnyClientCert, tls.RequestClientCert: tls.RequireAnyClientCert, tls.RequireAnyClientCert: tls.RequireAnyClientCert,
		tls.VerifyClientCertIfGiven: tls.RequireAndVerifyClientCert, tls.RequireAndVerifyClientCert: tls.RequireAndVerifyClientCert,
	} {
		if got := must(p.v.AddTo(&tls.Config{ClientAuth: asked}))(t).ClientAuth; got != want {
			t.Errorf("%v becomes %v", asked, got)
		}
	}
}

func TestNilVerifier(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a nil verifier gives a configuration")
		}
	}()
	(*attest.Verifier)(nil).TLSConfig()
}

// TestAddToChains has an enclave with a name: an authority has signed the
// certificate with the evidence. Both must be good.
func TestAddToChains(t *testing.T) {
	p := newPair(t)
	ca := p.m.authority.PCKCA // any authority will do
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	others := x509.NewCertPool()
	others.AddCert(newMachine(t).authority.PCKCA.Certificate)
	named := func(name string) *leaf {
		l := p.m.leaf(t, name)
		l.template.DNSNames = []string{"vault.example"}
		l.template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		return l
	}
	signed := named("friend").in(t, ratls.DICE).by(ca)
	plain := &tls.Config{RootCAs: roots, ServerName: "vault.example"}
	tests := map[string]struct {
		leaf *leaf
		base *tls.Config
		ok   bool
	}{
		"both":                    {signed, plain, true},
		"another name":            {signed, &tls.Config{RootCAs: roots, ServerName: "bank.example"}, false},
		"another authority":       {signed, &tls.Config{RootCAs: others, ServerName: "vault.example"}, false},
		"chain not verified":      {signed, &tls.Config{InsecureSkipVerify: true}, false},
		"no evidence":             {named("friend").by(ca), plain, false},
		"another enclave":         {named("stranger").in(t, ratls.DICE).by(ca), plain, false},
		"evidence of another key": {named("friend").add(signed.template.ExtraExtensions[0]).by(ca), plain, false},
		"no authority":            {named("friend").in(t, ratls.DICE), plain, false},
		"a name only in the CN": {func() *leaf {
			l := named("friend").in(t, ratls.DICE).by(ca)
			l.template.Subject.CommonName, l.template.DNSNames = "vault.example", nil
			return l
		}(), plain, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cert := test.leaf.make(t)
			_, err := dial(t, serve(t, &tls.Config{Certificates: []tls.Certificate{cert}}), must(p.v.AddTo(test.base))(t))
			if test.ok != (err == nil) {
				t.Errorf("as a server: %v", err)
			}
			if test.base.ServerName != "vault.example" || name == "a name only in the CN" {
				return // clients have no name
			}
			server := &tls.Config{Certificates: []tls.Certificate{p.cert}, ClientCAs: test.base.RootCAs, ClientAuth: tls.VerifyClientCertIfGiven}
			_, err = dial(t, serve(t, must(p.v.AddTo(server))(t)), &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true})
			if test.ok != (err == nil) {
				t.Errorf("as a client: %v", err)
			}
		})
	}
	t.Run("by itself", func(t *testing.T) {
		if r, err := p.v.VerifyCertificate(t.Context(), signed.parsed(t)); !errors.Is(err, attest.ErrForged) || r != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestReportInHandler is how a server's handler learns who its client is.
func TestReportInHandler(t *testing.T) {
	p := newPair(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	client := make(chan error, 1)
	go func() {
		conn, err := tls.Dial("tcp", l.Addr().String(), p.mutual())
		if err == nil {
			_, err = io.ReadAll(conn)
			conn.Close()
		}
		client <- err
	}()
	conn := tls.Server(must(l.Accept())(t), p.mutual())
	defer conn.Close()
	check(t, conn.HandshakeContext(t.Context()))
	r, err := p.v.Report(conn.ConnectionState())
	check(t, err)
	if fmt.Sprint(r.Measurement) != fmt.Sprint(attest.Measurement(enclave("friend").MRENCLAVE)) {
		t.Errorf("%+v", r)
	}
	if proven, unproven, _ := p.v.Kept(); proven != 1 || unproven != 0 {
		t.Errorf("%d proven, %d not", proven, unproven)
	}
	conn.Close()
	check(t, <-client)
}
