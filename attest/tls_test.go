package attest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// serve answers every connection with a greeting, and returns its address.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	l := must(tls.Listen("tcp", "127.0.0.1:0", config))(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				io.WriteString(conn, "hello")
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// dial connects and reads the greeting, behind which session tickets come.
func dial(t *testing.T, address string, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	_, err = io.ReadFull(conn, make([]byte, 5))
	return conn.ConnectionState(), err
}

func TestTLS(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	address := serve(t, &tls.Config{Certificates: []tls.Certificate{m.draft(t, "friend").make(t)}})
	state, err := dial(t, address, v.TLSConfig())
	check(t, err)
	if state.Version != tls.VersionTLS13 {
		t.Errorf("TLS version %#x", state.Version)
	}
	r, err := v.Report(state)
	if err != nil || r.Measurement != enclave("friend").MRENCLAVE {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := v.Report(tls.ConnectionState{}); !errors.Is(err, attest.ErrMalformed) || r != nil {
		t.Errorf("without a certificate: %+v, %v", r, err)
	}
}

// TestTLSRefuses connects to servers that nobody should. Without
// VerifyConnection every one of them is accepted: it is what refuses.
func TestTLSRefuses(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	unchecked := func() *tls.Config {
		config := v.TLSConfig()
		config.VerifyConnection = nil
		return config
	}
	for name, test := range forgeries(t, m) {
		t.Run(name, func(t *testing.T) {
			d := m.draft(t, "friend")
			test.change(d)
			address := serve(t, &tls.Config{Certificates: []tls.Certificate{d.make(t)}})
			if _, err := dial(t, address, v.TLSConfig()); !errors.Is(err, test.want) {
				t.Errorf("%v; want %v", err, test.want)
			}
			if _, err := dial(t, address, unchecked()); err != nil {
				t.Errorf("refused by something else too: %v", err)
			}
		})
	}
}

func TestTLSRefusesServers(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	good := m.draft(t, "friend").make(t)
	plain := httptest.NewTLSServer(http.NotFoundHandler())
	defer plain.Close()
	corrupt := m.draft(t, "friend").make(t)
	corrupt.Certificate[0][len(corrupt.Certificate[0])-1] ^= 1
	behind := tls.Certificate{Certificate: [][]byte{plain.Certificate().Raw, good.Certificate[0]}, PrivateKey: plain.TLS.Certificates[0].PrivateKey}
	stolen := tls.Certificate{Certificate: good.Certificate, PrivateKey: m.draft(t, "friend").key}

	tests := map[string]struct {
		config *tls.Config
		want   error // nil: some error of crypto/tls
	}{
		"plain TLS certificate":           {plain.TLS.Clone(), attest.ErrMalformed},
		"bad self-signature":              {&tls.Config{Certificates: []tls.Certificate{corrupt}}, attest.ErrForged},
		"evidence second in the chain":    {&tls.Config{Certificates: []tls.Certificate{behind}}, attest.ErrMalformed},
		"certificate without its key":     {&tls.Config{Certificates: []tls.Certificate{stolen}}, nil},
		"TLS 1.2 only":                    {&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, nil},
		"a stranger":                      {&tls.Config{Certificates: []tls.Certificate{m.draft(t, "stranger").make(t)}}, attest.ErrPolicy},
		"good, but asks for certificates": {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, serve(t, test.config), v.TLSConfig())
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v; want %v", err, test.want)
			}
		})
	}
}

// TestTLSDoesNotResume: a resumed session would show no fresh evidence, so
// there is none even where the caller sets a cache, and even where the cache
// has a session of a less careful client.
func TestTLSDoesNotResume(t *testing.T) {
	m := newMachineAt(t, time.Now()) // crypto/tls does not resume with expired certificates
	v := m.verifier(t, "friend")
	verified := 0
	collateral := m.collateral(t)
	v.Collateral = source(func(attest.Subject) (*attest.Collateral, error) { verified++; return collateral, nil })
	address := serve(t, &tls.Config{Certificates: []tls.Certificate{m.draft(t, "friend").make(t)}})

	cache := tls.NewLRUClientSessionCache(8)
	careless := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: cache}
	for i := range 2 {
		state, err := dial(t, address, careless)
		check(t, err)
		if state.DidResume != (i > 0) {
			t.Fatal("the server does not resume, so that nothing is tested")
		}
	}
	config := v.TLSConfig()
	config.ClientSessionCache = cache
	for i := range 3 {
		state, err := dial(t, address, config)
		if err != nil || state.DidResume || verified != i+1 {
			t.Errorf("connection %d: %v, resumed %v, %d verified", i, err, state.DidResume, verified)
		}
	}
	v.Policy = attest.Policy{}
	if _, err := dial(t, address, config); !errors.Is(err, attest.ErrPolicy) {
		t.Errorf("after the trust ended: %v", err)
	}
}

// TestHTTP is how a client uses it.
func TestHTTP(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: v.TLSConfig(), ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	for name, want := range map[string]error{"friend": nil, "stranger": attest.ErrPolicy} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{m.draft(t, name).make(t)}}
		server.EnableHTTP2 = true
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		defer server.Close()
		resp, err := client.Get(server.URL)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v; want %v", name, err, want)
		}
		if err != nil {
			continue
		}
		resp.Body.Close()
		r, err := v.Report(*resp.TLS)
		if err != nil || r.Measurement != enclave(name).MRENCLAVE || resp.ProtoMajor != 2 {
			t.Errorf("%s: %+v, %v, HTTP/%d", name, r, err, resp.ProtoMajor)
		}
	}
}

// TestTLSConfigIsFresh: what a caller does to one does not reach another.
func TestTLSConfigIsFresh(t *testing.T) {
	v := new(attest.Verifier)
	v.TLSConfig().VerifyConnection = nil
	config := v.TLSConfig()
	if config.VerifyConnection == nil || config.MinVersion != tls.VersionTLS13 || config.RootCAs != (*x509.CertPool)(nil) {
		t.Errorf("%+v", config)
	}
}
