package grpcattest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/attest/grpcattest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// party is an enclave with credentials.
type party struct {
	*enclave.Platform
	own *enclave.Credentials
}

func enter(t testing.TB, m *enclavetest.Machine, measurement byte) party {
	p := m.Enclave(t, attest.Identity{Measurement: attest.Measurement{measurement}, Signer: attest.Signer{1}, ProductID: 1, SVN: 1})
	return party{p, must(enclave.NewCredentials(t.Context(), p))(t)}
}

func (p party) trusted(m *enclavetest.Machine) *attest.Verifier {
	return m.Verifier(attest.Policy{Builds: []attest.Measurement{p.Identity().Measurement}})
}

// serve has a real server answer health checks, and note who asks.
func serve(t testing.TB, creds credentials.TransportCredentials) (address string, callers func() []*attest.Report) {
	t.Helper()
	var mu sync.Mutex
	var all []*attest.Report
	note := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		r, _ := grpcattest.Report(ctx)
		mu.Lock()
		all = append(all, r)
		mu.Unlock()
		return handle(ctx, request)
	}
	server := grpc.NewServer(grpc.Creds(creds), grpc.UnaryInterceptor(note))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return l.Addr().String(), func() []*attest.Report {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// ask makes a call, and returns what is known of who answered.
func ask(t testing.TB, address string, creds credentials.TransportCredentials) (grpcattest.AuthInfo, error) {
	t.Helper()
	conn := must(grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds)))(t)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var p peer.Peer
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.Peer(&p))
	info, _ := p.AuthInfo.(grpcattest.AuthInfo)
	return info, err
}

func newTLS(t testing.TB, v *attest.Verifier, config *tls.Config) credentials.TransportCredentials {
	return must(grpcattest.NewTLS(v, config))(t)
}

func TestCalls(t *testing.T) {
	m := enclavetest.NewMachine(t)
	a, b, stranger := enter(t, m, 0xA), enter(t, m, 0xB), enter(t, m, 0xC)
	trustA, trustB := a.trusted(m), b.trusted(m)
	session := grpcattest.NewSession
	for name, test := range map[string]struct {
		client, server credentials.TransportCredentials
		ok             bool
		bound          bool
		caller         attest.Measurement
	}{
		"certificate":                 {newTLS(t, trustA, nil), credentials.NewTLS(a.own.ServerTLS()), true, false, attest.Measurement{}},
		"certificate of a stranger":   {client: newTLS(t, trustB, nil), server: credentials.NewTLS(a.own.ServerTLS())},
		"certificate, mutual":         {newTLS(t, trustA, b.own.ClientTLS(trustA)), newTLS(t, trustB, a.own.ServerTLS()), true, false, b.Identity().Measurement},
		"certificate, mutual, twice":  {newTLS(t, trustA, b.own.ClientTLS(trustA)), newTLS(t, trustB, a.own.MutualTLS(trustB)), true, false, b.Identity().Measurement},
		"certificate, stranger calls": {client: newTLS(t, trustA, stranger.own.ClientTLS(trustA)), server: newTLS(t, trustB, a.own.ServerTLS())},
		"certificate, nobody calls":   {client: newTLS(t, trustA, nil), server: newTLS(t, trustB, a.own.ServerTLS())},
		"session": {
			session(&attest.Session{Peer: trustA}), session(&attest.Session{Self: a.Platform, AnyPeer: true, TLS: a.own.ServerTLS()}), true, true, attest.Measurement{},
		},
		"session of a stranger": {
			client: session(&attest.Session{Peer: trustB}), server: session(&attest.Session{Self: a.Platform, AnyPeer: true, TLS: a.own.ServerTLS()}),
		},
		"session, mutual": {
			session(&attest.Session{Peer: trustA, Self: b.Platform}), session(&attest.Session{Self: a.Platform, Peer: trustB, TLS: a.own.ServerTLS()}), true, true, b.Identity().Measurement,
		},
		"session, stranger calls": {
			client: session(&attest.Session{Peer: trustA, Self: stranger.Platform}), server: session(&attest.Session{Self: a.Platform, Peer: trustB, TLS: a.own.ServerTLS()}),
		},
		"a session wants one":              {client: session(&attest.Session{Peer: trustA}), server: credentials.NewTLS(a.own.ServerTLS())},
		"a server wants a session":         {client: newTLS(t, trustA, nil), server: session(&attest.Session{Self: a.Platform, AnyPeer: true, TLS: a.own.ServerTLS()})},
		"a mutual server wants one":        {client: session(&attest.Session{Peer: trustA}), server: session(&attest.Session{Self: a.Platform, Peer: trustB, TLS: a.own.ServerTLS()})},
		"any server, by TLS alone":         {client: session(&attest.Session{Self: b.Platform, AnyPeer: true}), server: session(&attest.Session{Peer: trustB, TLS: a.own.ServerTLS()})},
		"a server without a configuration": {client: session(&attest.Session{Peer: trustA}), server: session(&attest.Session{Self: a.Platform, AnyPeer: true})},
	} {
		t.Run(name, func(t *testing.T) {
			address, callers := serve(t, test.server)
			info, err := ask(t, address, test.client)
			if (err == nil) != test.ok {
				t.Fatal(err)
			}
			if !test.ok {
				if len(callers()) != 0 {
					t.Error("a call came through")
				}
				return
			}
			if info.Report == nil || info.Report.Identity != a.Identity() || info.SessionBound != test.bound ||
				info.SecurityLevel != credentials.PrivacyAndIntegrity || info.AuthType() != "attested-tls" || info.State.Version != tls.VersionTLS13 {
				t.Errorf("the client knows %+v", info)
			}
			caller := callers()[0]
			if (caller == nil) != (test.caller == attest.Measurement{}) || caller != nil && caller.Measurement != test.caller {
				t.Errorf("the server knows %+v", caller)
			}
		})
	}
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

// TestALPN has peers that do not speak HTTP/2.
func TestALPN(t *testing.T) {
	m := enclavetest.NewMachine(t)
	a := enter(t, m, 0xA)
	v := a.trusted(m)
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		config := a.own.ServerTLS()
		config.NextProtos = protocols
		service := &attest.Session{Self: a.Platform, AnyPeer: true, TLS: config}
		for name, test := range map[string]struct {
			client credentials.TransportCredentials
			server func(net.Conn)
		}{
			"certificate": {newTLS(t, v, nil), func(c net.Conn) { tls.Server(c, config).HandshakeContext(t.Context()) }},
			"session":     {grpcattest.NewSession(&attest.Session{Peer: v}), func(c net.Conn) { service.Server(t.Context(), c) }},
		} {
			near, far := wire(t)
			go test.server(far)
			conn, info, err := test.client.ClientHandshake(t.Context(), "vault.example", near)
			if err == nil || conn != nil || info != nil {
				t.Errorf("%s: a server of %q: %v", name, protocols, err)
			}
			far.Close()
		}
	}
}

// asksFor is the server name that a client sends.
func asksFor(t *testing.T, creds credentials.TransportCredentials) (name string) {
	near, far := net.Pipe()
	defer far.Close()
	go creds.ClientHandshake(t.Context(), "vault.example:443", near)
	tls.Server(far, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		name = hello.ServerName
		return nil, errors.New("enough")
	}}).Handshake()
	return name
}

func TestClone(t *testing.T) {
	v := new(attest.Verifier)
	for name, creds := range map[string]credentials.TransportCredentials{
		"certificate": newTLS(t, v, nil),
		"session":     grpcattest.NewSession(&attest.Session{Peer: v}),
	} {
		clone := creds.Clone()
		//lint:ignore SA1019 it is part of the interface
		if err := clone.OverrideServerName("other.example"); err != nil {
			t.Error(err)
		}
		for want, c := range map[string]credentials.TransportCredentials{"vault.example": creds, "other.example": clone.Clone()} {
			if got := asksFor(t, c); got != want || c.Info().SecurityProtocol != "attested-tls" {
				t.Errorf("%s: asks for %q, want %q", name, got, want)
			}
		}
	}
	config := &tls.Config{NextProtos: []string{"mine"}}
	newTLS(t, v, config)
	grpcattest.NewSession(&attest.Session{Peer: v, TLS: config})
	if len(config.NextProtos) != 1 || config.NextProtos[0] != "mine" || config.VerifyConnection != nil {
		t.Error("a configuration is changed by use")
	}
	if _, err := grpcattest.NewTLS(v, &tls.Config{MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is accepted")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a nil verifier is taken for any")
			}
		}()
		grpcattest.NewTLS(nil, nil)
	}()
}

// TestEnds has handshakes that are called off, and connections that end.
func TestEnds(t *testing.T) {
	v := new(attest.Verifier)
	for name, creds := range map[string]credentials.TransportCredentials{
		"certificate": newTLS(t, v, nil),
		"session":     grpcattest.NewSession(&attest.Session{Peer: v}),
	} {
		near, far := net.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if _, _, err := creds.ClientHandshake(ctx, "x", near); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		if _, err := near.Write([]byte{1}); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s: the connection is left open: %v", name, err)
		}
		far.Close()
	}
	if _, ok := grpcattest.Report(t.Context()); ok {
		t.Error("there is a report of nobody")
	}
}
