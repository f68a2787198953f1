package attest_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratio"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// These benchmarks compare with plain TLS 1.3 between the same ends: the same
// kind of key, a certificate of the same size that an authority has signed, and
// a client that verifies it. Neither resumes. The metric "ratio" is our time over
// theirs, because ours is what package ratio is given first, as in bench_test.go:
// 1.1 is ten percent more.
//
//	go test ./attest -run '^$' -bench RatioHandshake -benchtime 2s

// A loopback is a server on the loopback interface that shows one certificate after
// another.
type loopback struct {
	address string
	next    chan *tls.Certificate
}

func newLoopback(b testing.TB) *loopback {
	b.Helper()
	w := &loopback{next: make(chan *tls.Certificate, 1)}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return <-w.next, nil },
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(b)
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				server := tls.Server(conn, config)
				if server.Handshake() == nil {
					server.Write([]byte{1})
				}
			}()
		}
	}()
	w.address = l.Addr().String()
	return w
}

// connect makes one handshake, up to the server's first byte.
func (w *loopback) connect(b testing.TB, cert *tls.Certificate, client *tls.Config) {
	w.next <- cert
	conn, err := tls.Dial("tcp", w.address, client)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
}

// rivals are attested certificates and plain ones of the same size.
type rivals struct {
	m               *machine
	attested, plain []*tls.Certificate
	quotes          [][]byte
	client          *tls.Config // for the plain ones
}

func newRivals(b testing.TB, n int) *rivals {
	b.Helper()
	m := newMachineAt(b, time.Now())
	ca := m.authority.PCKCA
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	e := &rivals{m: m, client: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "vault.example"}}
	for range n {
		l := m.leaf(b, "friend").in(b, ratls.DICE)
		quote, _, err := ratls.Decode(l.template.ExtraExtensions[0].Value)
		check(b, err)
		attested := l.make(b)
		e.quotes, e.attested = append(e.quotes, quote), append(e.attested, &attested)
		e.plain = append(e.plain, e.likeness(b, ca, len(attested.Certificate[0])))
	}
	return e
}

// likeness is a plain certificate of about that size.
func (e *rivals) likeness(b testing.TB, ca *issue.Entity, size int) *tls.Certificate {
	l := e.m.leaf(b, "friend").by(ca)
	l.template.DNSNames, l.template.ExtKeyUsage = []string{"vault.example"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	filler := make([]byte, size-len(l.make(b).Certificate[0])-20)
	rand.Read(filler)
	l.add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: filler})
	cert := l.make(b)
	if n := len(cert.Certificate[0]); n < size-20 || n > size+20 {
		b.Fatalf("%d bytes are not as many as %d", n, size)
	}
	return &cert
}

// BenchmarkRatioHandshakeWarm has a certificate whose verdict is remembered.
func BenchmarkRatioHandshakeWarm(b *testing.B) {
	e, w := newRivals(b, 1), newLoopback(b)
	client := e.m.verifier(b, "friend").TLSConfig()
	const n = 10
	ratio.Report(b, func() {
		for range n {
			w.connect(b, e.attested[0], client)
		}
	}, func() {
		for range n {
			w.connect(b, e.plain[0], e.client)
		}
	})
}

// BenchmarkRatioHandshakeCold has certificates that have not been seen, of a
// machine that has been: plain TLS also verifies such a quote each time.
func BenchmarkRatioHandshakeCold(b *testing.B) {
	const n = 10
	e, w := newRivals(b, n), newLoopback(b)
	v := e.m.verifier(b, "friend")
	client := v.TLSConfig()
	ratio.Report(b, func() {
		v.Forget()
		for i := range n {
			w.connect(b, e.attested[i], client)
		}
	}, func() {
		for i := range n {
			w.connect(b, e.plain[i], e.client)
			authenticate(b, v, e.quotes[i])
		}
	})
}
