package enclave_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

// A party is an enclave with credentials on a machine.
type party struct {
	*enclave.Platform
	creds *enclave.Credentials
}

func enter(t testing.TB, m *enclavetest.Machine, id attest.Identity, o enclave.CredentialsOptions) party {
	t.Helper()
	p := m.Enclave(t, id)
	c, err := enclave.NewCredentialsWith(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return party{p, c}
}

func trusting(m *enclavetest.Machine, all ...party) *attest.Verifier {
	var policy attest.Policy
	for _, p := range all {
		policy.Builds = append(policy.Builds, p.Identity().Measurement)
	}
	return m.Verifier(policy)
}

var (
	alpha = attest.Identity{Measurement: attest.Measurement{0xA}, Signer: attest.Signer{1}, ProductID: 1, SVN: 1}
	beta  = attest.Identity{Measurement: attest.Measurement{0xB}, Signer: attest.Signer{1}, ProductID: 2, SVN: 1}
)

// talk makes a connection and says one byte each way, so that a server's
// refusal is seen too.
func talk(t testing.TB, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	near, far := pipe(t)
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(far, server)
		defer conn.Close()
		if err := conn.Handshake(); err != nil {
			done <- err
			return
		}
		done <- ping(conn)
	}()
	conn := tls.Client(near, client)
	defer conn.Close()
	b := make([]byte, 1)
	if _, err := conn.Read(b); err != nil {
		clientErr = err
	} else {
		_, clientErr = conn.Write(b)
	}
	near.Close()
	return clientErr, <-done
}

func pipe(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// sessions has two sessions meet.
func sessions(t testing.TB, client, server *attest.Session) (clientErr, serverErr error) {
	t.Helper()
	near, far := pipe(t)
	done := make(chan error, 1)
	go func() {
		conn, err := server.Server(t.Context(), far)
		if err == nil {
			defer conn.Close()
		}
		done <- err
	}()
	conn, err := client.Client(t.Context(), near, "")
	if err == nil {
		defer conn.Close()
	}
	return err, <-done
}

func TestMutualTLS(t *testing.T) {
	m, elsewhere := enclavetest.NewMachine(t), enclavetest.NewMachine(t)
	a, b := enter(t, m, alpha, enclave.CredentialsOptions{}), enter(t, m, beta, enclave.CredentialsOptions{})
	stranger := enter(t, elsewhere, beta, enclave.CredentialsOptions{})
	trustA, trustB, nobody := trusting(m, a), trusting(m, b), m.Verifier(attest.Policy{})
	for name, row := range map[string]struct {
		client, server      *tls.Config
		clientWant, serveOK bool
	}{
		"as it should be":            {b.creds.ClientTLS(trustA), a.creds.MutualTLS(trustB), true, true},
		"the server trusts nobody":   {b.creds.ClientTLS(trustA), a.creds.MutualTLS(nobody), false, false},
		"the client trusts nobody":   {b.creds.ClientTLS(nobody), a.creds.MutualTLS(trustB), false, false},
		"another enclave":            {a.creds.ClientTLS(trustA), a.creds.MutualTLS(trustB), false, false},
		"on a machine of its own":    {stranger.creds.ClientTLS(trustA), a.creds.MutualTLS(trustB), false, false},
		"a client that shows none":   {trustA.TLSConfig(), a.creds.MutualTLS(trustB), false, false},
		"a server that asks of none": {b.creds.ClientTLS(trustA), a.creds.ServerTLS(), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := talk(t, row.client, row.server)
			if (c == nil) != row.clientWant || (s == nil) != row.serveOK {
				t.Errorf("the client says %v, the server %v", c, s)
			}
		})
	}
}

func TestMutualSession(t *testing.T) {
	m := enclavetest.NewMachine(t)
	a, b := enter(t, m, alpha, enclave.CredentialsOptions{}), enter(t, m, beta, enclave.CredentialsOptions{})
	trustA, trustB := trusting(m, a), trusting(m, b)
	for name, row := range map[string]struct {
		client, server *attest.Session
		ok             bool
	}{
		"as it should be": {
			&attest.Session{Self: b.Platform, Peer: trustA}, &attest.Session{Self: a.Platform, Peer: trustB, TLS: a.creds.ServerTLS()}, true,
		},
		"with evidence in certificates too": {
			&attest.Session{Self: b.Platform, Peer: trustA, TLS: b.creds.ClientTLS(trustA)}, &attest.Session{Self: a.Platform, Peer: trustB, TLS: a.creds.MutualTLS(trustB)}, true,
		},
		"the certificate's owner is not the prover": {
			&attest.Session{Self: b.Platform, Peer: trustA}, &attest.Session{Self: b.Platform, Peer: trustB, TLS: a.creds.ServerTLS()}, false,
		},
		"a client out of its enclave": {
			&attest.Session{Self: new(enclave.Platform), Peer: trustA}, &attest.Session{Self: a.Platform, Peer: trustB, TLS: a.creds.ServerTLS()}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := sessions(t, row.client, row.server)
			if (c == nil) != row.ok || (s == nil) != row.ok {
				t.Errorf("the client says %v, the server %v", c, s)
			}
		})
	}
}

// TestClockSetBack has the hosts of both ends set their clocks back by two
// years, before the enclaves start or while they run. What was good then is not
// any more.
func TestClockSetBack(t *testing.T) {
	m := enclavetest.NewMachine(t)
	back := func() time.Time { return time.Now().AddDate(-2, 0, 0) }
	current := enter(t, m, alpha, enclave.CredentialsOptions{})
	old := enter(t, m, alpha, enclave.CredentialsOptions{})
	old.creds.SetClock(back)
	if err := old.creds.Renew(t.Context()); err != nil { // a certificate of two years ago
		t.Fatal(err)
	}
	fresh := func() *attest.Verifier {
		v := trusting(m, current)
		v.Time = back
		return v
	}
	ran := func() *attest.Verifier { // has been right until just now
		v := trusting(m, current)
		v.Time = func() time.Time { return time.Now().Add(time.Second) }
		if c, s := talk(t, v.TLSConfig(), current.creds.ServerTLS()); c != nil || s != nil {
			t.Fatal(c, s)
		}
		v.Time = back
		return v
	}
	for name, row := range map[string]struct {
		verifier func() *attest.Verifier
		server   party
		ok       bool
	}{
		"at the start, all of two years ago": {fresh, old, false},
		"at the start, new certificate":      {fresh, current, false},
		"while running, old certificate":     {ran, old, false},
		"while running, new certificate":     {ran, current, true}, // its clock has not gone back
	} {
		t.Run(name, func(t *testing.T) {
			v := row.verifier()
			c, s := talk(t, row.server.creds.ClientTLS(v), row.server.creds.MutualTLS(v))
			if (c == nil) != row.ok || (s == nil) != row.ok {
				t.Errorf("certificates: the client says %v, the server %v", c, s)
			}
			v = row.verifier()
			end := func() *attest.Session {
				return &attest.Session{Self: row.server.Platform, Peer: v, TLS: row.server.creds.MutualTLS(v)}
			}
			client := end()
			client.TLS = row.server.creds.ClientTLS(v)
			if c, s = sessions(t, client, end()); (c == nil) != row.ok || (s == nil) != row.ok {
				t.Errorf("session: the client says %v, the server %v", c, s)
			}
		})
	}
	v := trusting(m, current)
	v.Policy.MinEvaluation = 1 << 20 // an evaluation that the host cannot show
	if c, _ := talk(t, v.TLSConfig(), current.creds.ServerTLS()); !errors.Is(c, attest.ErrPolicy) {
		t.Errorf("older collateral than the policy wants: %v", c)
	}
}

// TestDialectsIssued has each kind of client meet a server of each kind.
func TestDialectsIssued(t *testing.T) {
	m := enclavetest.NewMachine(t)
	all := []attest.Dialect{attest.DICE, attest.EGo, attest.OpenEnclaveReport, attest.OpenEnclaveEvidence}
	sets := map[string][]attest.Dialect{
		"nil": nil, "DICE": all[:1], "EGo": all[1:2], "report": all[2:3], "evidence": all[3:4],
		"three": {attest.EGo, attest.OpenEnclaveEvidence, attest.DICE},
	}
	for name, issued := range sets {
		server := enter(t, m, alpha, enclave.CredentialsOptions{Dialects: issued})
		if issued == nil {
			issued = all[:1]
		}
		for _, d := range all {
			v := trusting(m, server)
			v.Dialects = []attest.Dialect{d}
			c, _ := talk(t, v.TLSConfig(), server.creds.ServerTLS())
			want := false
			for _, i := range issued {
				want = want || i == d
			}
			if (c == nil) != want {
				t.Errorf("%s to a client of %v: %v", name, d, c)
			}
		}
		leaf := mustCertificate(t, server.creds).Leaf
		evidence, err := attest.CertificateEvidence(leaf)
		if err != nil || len(evidence) != len(issued) {
			t.Errorf("%s: %d pieces of evidence, %v", name, len(evidence), err)
		}
	}
}

// TestThousandHandshakes has a thousand clients at once, while the certificate
// is renewed.
func TestThousandHandshakes(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	m := enclavetest.NewMachine(t)
	server := enter(t, m, alpha, enclave.CredentialsOptions{})
	v := trusting(m, server)
	address := echo(t, server.creds.ServerTLS())
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			conn, err := tls.Dial("tcp", address, v.TLSConfig())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if err := ping(conn); err != nil {
				t.Error(err)
			}
		})
		if i%100 == 50 {
			all.Go(func() {
				if err := server.creds.Renew(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
