package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratls"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// A leaf is an attested certificate of any dialect before it is made. What is
// nil or zero is as an enclave has it.
type leaf struct {
	machine  *machine
	body     sgx.ReportBody
	key      crypto.Signer
	signer   crypto.Signer     // of the certificate, instead of key
	parent   *x509.Certificate // whose signer that is
	template x509.Certificate
}

func (m *machine) leaf(t testing.TB, name string) *leaf {
	t.Helper()
	l := &leaf{machine: m, body: enclave(name), key: must(issue.NewKey())(t)}
	l.template = x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An enclave"},
		NotBefore: m.now.Add(-time.Hour), NotAfter: m.now.Add(time.Hour),
	}
	return l
}

func (l *leaf) spki(t testing.TB) []byte {
	t.Helper()
	return must(x509.MarshalPKIXPublicKey(l.key.Public()))(t)
}

// in adds the evidence of dialects, with a quote for each.
func (l *leaf) in(t testing.TB, dialects ...ratls.Dialect) *leaf {
	t.Helper()
	for _, d := range dialects {
		l.with(t, d, must(d.ReportData(l.spki(t)))(t))
	}
	return l
}

// with adds the evidence of one dialect around a quote of data.
func (l *leaf) with(t testing.TB, d ratls.Dialect, data [64]byte) *leaf {
	t.Helper()
	return l.add(must(d.Extension(l.spki(t), l.machine.quote(t, l.body, data)))(t))
}

func (l *leaf) add(e pkix.Extension) *leaf {
	l.template.ExtraExtensions = append(l.template.ExtraExtensions, e)
	return l
}

// by has an authority sign the certificate.
func (l *leaf) by(ca *issue.Entity) *leaf {
	l.parent, l.signer = ca.Certificate, ca.Key
	return l
}

func (l *leaf) make(t testing.TB) tls.Certificate {
	t.Helper()
	parent, signer := &x509.Certificate{Subject: l.template.Subject}, l.signer // without a key, so that any may sign
	if l.parent != nil {
		parent = l.parent
	}
	if signer == nil {
		signer = l.key
	}
	der := must(x509.CreateCertificate(rand.Reader, &l.template, parent, l.key.Public(), signer))(t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: l.key}
}

func (l *leaf) parsed(t testing.TB) *x509.Certificate {
	t.Helper()
	return must(x509.ParseCertificate(l.make(t).Certificate[0]))(t)
}

// accepting is the verifier of friends that accepts these dialects.
func (m *machine) accepting(t testing.TB, dialects ...attest.Dialect) *attest.Verifier {
	t.Helper()
	v := m.verifier(t, "friend")
	v.Dialects = dialects
	return v
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	return must(rsa.GenerateKey(rand.Reader, bits))(t)
}

// keyFor is of the kind that the dialect has.
func keyFor(t testing.TB, d ratls.Dialect) crypto.Signer {
	t.Helper()
	if d == ratls.RATSTLS {
		return newRSA(t, 2048)
	}
	return crypto.Signer(newECDSA(t))
}

func newECDSA(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	return must(issue.NewKey())(t)
}
