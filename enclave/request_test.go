package enclave_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

const host = "vault.example.org"

var wanted = &x509.CertificateRequest{DNSNames: []string{host}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}

// An authority is one of the test's own, with an intermediate.
type authority struct {
	root, intermediate *x509.Certificate
	key                *ecdsa.PrivateKey
	pool               *x509.CertPool
	now                func() time.Time
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool(), now: time.Now}
	ca := func(name string, parent *x509.Certificate) *x509.Certificate {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign, NotBefore: a.now().Add(-time.Hour), NotAfter: a.now().AddDate(1, 0, 0),
		}
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, der)
	}
	a.root = ca("root", nil)
	a.intermediate = ca("intermediate", a.root)
	a.pool.AddCert(a.root)
	return a
}

// sign certifies a request for 90 days, as it stands but for the changes, and
// copies what extensions are in it.
func (a *authority) sign(t testing.TB, request []byte, change func(*x509.Certificate)) [][]byte {
	t.Helper()
	r, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: r.DNSNames, IPAddresses: r.IPAddresses, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   a.now().Add(-time.Hour), NotAfter: a.now().AddDate(0, 0, 90),
		PublicKey: r.PublicKey,
	}
	for _, e := range r.Extensions {
		if e.Id.String() != "2.5.29.17" { // the names, which are there already
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.intermediate, template.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{der, a.intermediate.Raw}
}

// browser is a client that knows of authorities only.
func (a *authority) browser() *tls.Config { return &tls.Config{RootCAs: a.pool, ServerName: host} }

// certified has credentials with a chain in use.
func certified(t testing.TB, a *authority, c *enclave.Credentials) *enclave.Request {
	t.Helper()
	r, err := c.Request(wanted)
	if err == nil {
		err = r.UseChain(t.Context(), a.sign(t, r.Raw, nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequest(t *testing.T) {
	m, a := enclavetest.NewMachine(t), newAuthority(t)
	server := enter(t, m, alpha, enclave.CredentialsOptions{})
	v := trusting(m, server)
	if c, _ := talk(t, a.browser(), server.creds.ServerTLS()); c == nil {
		t.Fatal("a browser takes the evidence for a name")
	}
	before := mustCertificate(t, server.creds).Leaf
	certified(t, a, server.creds)
	for name, client := range map[string]*tls.Config{
		"a browser":                   a.browser(),
		"an attesting client":         v.TLSConfig(),
		"another name":                named(v.TLSConfig(), "enclave.invalid"),
		"an enclave of the same kind": server.creds.ClientTLS(v),
	} {
		if c, s := talk(t, client, server.creds.ServerTLS()); c != nil || s != nil {
			t.Errorf("%s: %v, %v", name, c, s)
		}
	}
	if c, _ := talk(t, named(v.TLSConfig(), host), server.creds.ServerTLS()); c == nil {
		t.Error("the authority's chain passes for evidence")
	}
	if c, s := talk(t, named(v.TLSConfig(), host), server.creds.EvidenceTLS()); c != nil || s != nil {
		t.Errorf("EvidenceTLS, asked by name: %v, %v", c, s)
	}
	if c, _ := talk(t, a.browser(), server.creds.EvidenceTLS()); c == nil {
		t.Error("EvidenceTLS shows the chain")
	}
	evident := mustCertificate(t, server.creds).Leaf
	chain, err := server.creds.ServerTLS().GetCertificate(&tls.ClientHelloInfo{ServerName: host})
	if err != nil || string(chain.Leaf.RawSubjectPublicKeyInfo) != string(evident.RawSubjectPublicKeyInfo) {
		t.Errorf("the two certificates are not of one key: %v", err)
	}
	if string(before.RawSubjectPublicKeyInfo) == string(evident.RawSubjectPublicKeyInfo) {
		t.Error("the key is the old one")
	}
	both := &attest.Session{Peer: v, TLS: a.browser()}
	if c, s := sessions(t, both, &attest.Session{Self: server.Platform, AnyPeer: true, TLS: server.creds.ServerTLS()}); c != nil || s != nil {
		t.Errorf("name and enclave in one connection: %v, %v", c, s)
	}
}

func named(c *tls.Config, name string) *tls.Config {
	c.ServerName = name
	return c
}

// TestAttestedRequest has an authority copy the evidence: one certificate has
// the name and the enclave.
func TestAttestedRequest(t *testing.T) {
	m, a := enclavetest.NewMachine(t), newAuthority(t)
	server := enter(t, m, alpha, enclave.CredentialsOptions{})
	r, err := server.creds.AttestedRequest(t.Context(), wanted)
	if err == nil {
		err = r.UseChain(t.Context(), a.sign(t, r.Raw, nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	v := trusting(m, server)
	client, err := v.AddTo(a.browser())
	if err != nil {
		t.Fatal(err)
	}
	if c, s := talk(t, client, server.creds.ServerTLS()); c != nil || s != nil {
		t.Errorf("%v, %v", c, s)
	}
	plain := enter(t, m, alpha, enclave.CredentialsOptions{})
	certified(t, a, plain.creds)
	if c, _ := talk(t, client, plain.creds.ServerTLS()); c == nil {
		t.Error("a chain without evidence is accepted")
	}
}

func TestUseChainRefuses(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	f := newFake()
	c := credentials(t, f)
	r, err := c.Request(wanted)
	if err != nil {
		t.Fatal(err)
	}
	another, err := c.Request(wanted)
	if err != nil {
		t.Fatal(err)
	}
	good := a.sign(t, r.Raw, nil)
	for name, chain := range map[string][][]byte{
		"nothing":              nil,
		"of another request":   a.sign(t, another.Raw, nil),
		"the wrong way round":  {good[1], good[0]},
		"another intermediate": {good[0], other.intermediate.Raw},
		"garbage":              {good[0], []byte("garbage")},
		"a byte short":         {good[0][:len(good[0])-1]},
		"too long":             {good[0], a.intermediate.Raw, a.root.Raw, a.root.Raw, a.root.Raw, a.root.Raw, a.root.Raw, a.root.Raw, a.root.Raw},
		"expired":              a.sign(t, r.Raw, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"not valid yet":        a.sign(t, r.Raw, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }),
		"an authority's":       a.sign(t, r.Raw, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }),
		"other names":          a.sign(t, r.Raw, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.example.org"}, nil }),
	} {
		before := mustCertificate(t, c)
		if err := r.UseChain(t.Context(), chain); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if mustCertificate(t, c) != before {
			t.Errorf("%s: something has changed", name)
		}
	}
	if f.made() != 1 {
		t.Errorf("%d quotes for chains that are refused", f.made()-1)
	}
	f.set(func(f *fake) { f.fail = errHost })
	if err := r.UseChain(t.Context(), good); err == nil {
		t.Error("used without evidence")
	}
	f.set(func(f *fake) { f.fail = nil })
	if err := r.UseChain(t.Context(), good); err != nil {
		t.Error(err)
	}
	c.Close()
	if err := another.UseChain(t.Context(), a.sign(t, another.Raw, nil)); err == nil {
		t.Error("used after Close")
	}
	for name, template := range map[string]*x509.CertificateRequest{"nothing": nil, "no names": {}, "a common name": {Subject: pkix.Name{CommonName: host}}} {
		if _, err := credentials(t, newFake()).Request(template); err == nil {
			t.Errorf("%s: requested", name)
		}
		if _, err := credentials(t, newFake()).AttestedRequest(t.Context(), template); err == nil {
			t.Errorf("%s: requested with evidence", name)
		}
	}
	if len(wanted.ExtraExtensions) != 0 {
		t.Error("the template is changed by use")
	}
	var zero enclave.Credentials
	if _, err := zero.Request(wanted); err == nil {
		t.Error("zero credentials make a request")
	}
	if _, err := zero.AttestedRequest(t.Context(), wanted); err == nil {
		t.Error("zero credentials make a request")
	}
	if new(enclave.Request).UseChain(t.Context(), good) == nil {
		t.Error("a zero request has a use")
	}
}

// TestChainAcrossRenewals: the key stays as long as its chain is valid, the
// quote does not; after that the name is nobody's, and the key is new.
func TestChainAcrossRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		f := newFake()
		c := credentials(t, f)
		certified(t, a, c)
		hello := &tls.ClientHelloInfo{ServerName: host}
		show := func() (evident, chain *x509.Certificate) {
			t.Helper()
			cert, err := c.ServerTLS().GetCertificate(hello)
			if err != nil {
				t.Fatal(err)
			}
			return mustCertificate(t, c).Leaf, cert.Leaf
		}
		first, chain := show()
		for day := range 89 {
			time.Sleep(20 * time.Hour)
			c.Certificate(context.Background())
			synctest.Wait()
			now, still := show()
			if string(now.RawSubjectPublicKeyInfo) != string(first.RawSubjectPublicKeyInfo) || still != chain {
				t.Fatalf("day %d: key or chain have changed", day)
			}
			if now.Equal(first) {
				t.Fatalf("day %d: the quote is the old one", day)
			}
		}
		time.Sleep(20 * 24 * time.Hour)
		c.Certificate(context.Background())
		synctest.Wait()
		now, last := show()
		if string(now.RawSubjectPublicKeyInfo) == string(first.RawSubjectPublicKeyInfo) || last != now {
			t.Error("the key or the chain has outlived the chain's end")
		}
	})
}

// TestChainThatHasExpired is not shown, and once its key has been replaced it
// stays gone, wherever the host sets the clock.
func TestChainThatHasExpired(t *testing.T) {
	a := newAuthority(t)
	c := credentials(t, newFake())
	start, hours := time.Now(), atomic.Int64{}
	c.SetClock(func() time.Time { return start.Add(time.Duration(hours.Load()) * time.Hour) })
	shows := func() bool {
		t.Helper()
		cert, err := c.CertificateFor(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		return len(cert.Leaf.DNSNames) > 0
	}
	r, err := c.Request(wanted)
	if err == nil {
		err = r.UseChain(t.Context(), a.sign(t, r.Raw, func(c *x509.Certificate) { c.NotAfter = start.Add(2 * time.Hour) }))
	}
	if err != nil || !shows() {
		t.Fatalf("it is not in use: %v", err)
	}
	if hours.Store(3); shows() {
		t.Error("it is shown after its end")
	}
	if err := c.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if hours.Store(0); shows() {
		t.Error("it is back")
	}
	if err := c.Renew(t.Context()); err != nil || shows() {
		t.Errorf("it is back: %v", err)
	}
}

// TestUseChainBeatsARenewal that began before it and ends after it.
func TestUseChainBeatsARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := newAuthority(t), newFake()
		c := credentials(t, f)
		f.set(func(f *fake) { f.wait = func(context.Context) { time.Sleep(time.Minute / 4) } })
		failed := make(chan error)
		go func() { failed <- c.Renew(context.Background()) }()
		synctest.Wait()
		f.set(func(f *fake) { f.wait = nil })
		certified(t, a, c)
		if err := <-failed; err != nil {
			t.Error(err)
		}
		if cert, err := c.ServerTLS().GetCertificate(&tls.ClientHelloInfo{ServerName: host}); err != nil || len(cert.Leaf.DNSNames) == 0 {
			t.Errorf("the chain is lost: %v", err)
		}
	})
}

func TestRequestIsNoSecret(t *testing.T) {
	r, err := credentials(t, newFake()).Request(wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if s := fmt.Sprintf(verb, r); strings.Contains(s, "PrivateKey") {
			t.Errorf("%s shows the key", verb)
		}
	}
	if b, err := json.Marshal(r); err != nil || strings.Count(string(b), ":") != 1 {
		t.Errorf("JSON: %s, %v", b, err)
	}
}
