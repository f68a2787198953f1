package attest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/ratls"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// A draft is an attested certificate before it is made. What is nil or zero is
// as an enclave has it.
type draft struct {
	machine    *machine
	body       sgx.ReportBody
	key        *ecdsa.PrivateKey
	signer     *ecdsa.PrivateKey // of the certificate, instead of key
	claims     []byte
	data       [64]byte // report data, beside the claims' hash
	evidence   []byte
	extensions []pkix.Extension // in place of the evidence
	from       time.Time
	until      time.Time
}

func (m *machine) draft(t testing.TB, name string) *draft {
	t.Helper()
	d := &draft{machine: m, body: enclave(name), key: must(issue.NewKey())(t), from: m.now.Add(-time.Hour), until: m.now.Add(time.Hour)}
	d.claims = ratls.Claims(spki(t, d.key))
	d.data = ratls.ReportData(d.claims)
	return d
}

func spki(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	return must(x509.MarshalPKIXPublicKey(key.Public()))(t)
}

// keyHash is the report data of EGo and of early Gramine.
func keyHash(t testing.TB, key *ecdsa.PrivateKey) (data [64]byte) {
	t.Helper()
	sum := sha256.Sum256(spki(t, key))
	copy(data[:], sum[:])
	return data
}

// make makes the certificate.
func (d *draft) make(t testing.TB) tls.Certificate {
	t.Helper()
	if d.evidence == nil {
		d.evidence = ratls.Encode(d.machine.quote(t, d.body, d.data), d.claims)
	}
	if d.extensions == nil {
		d.extensions = []pkix.Extension{{Id: ratls.OID(), Value: d.evidence}}
	}
	signer := d.signer
	if signer == nil {
		signer = d.key
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An enclave"},
		NotBefore: d.from, NotAfter: d.until, ExtraExtensions: d.extensions,
	}
	parent := &x509.Certificate{Subject: template.Subject} // without a key, so that any may sign
	der := must(x509.CreateCertificate(rand.Reader, template, parent, d.key.Public(), signer))(t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: crypto.Signer(d.key)}
}

// leaf is the certificate as a client parses it.
func (d *draft) leaf(t testing.TB) *x509.Certificate {
	t.Helper()
	return must(x509.ParseCertificate(d.make(t).Certificate[0]))(t)
}

// forgeries are attested certificates that are not those of a friend, and how
// they are refused.
func forgeries(t *testing.T, m *machine) map[string]struct {
	change func(*draft)
	want   error
} {
	other := newMachine(t)
	stranger := m.draft(t, "friend")
	stranger.make(t)
	return map[string]struct {
		change func(*draft)
		want   error
	}{
		"key swapped":                   {func(d *draft) { d.evidence = stranger.evidence }, attest.ErrForged},
		"key swapped, claims rewritten": {func(d *draft) { d.data = stranger.data }, attest.ErrForged},
		"claims edited: one more":       {func(d *draft) { d.claims = append([]byte{0xA2, 0x61, 'x', 0x41, 0}, d.claims[1:]...) }, attest.ErrForged},
		"claims edited: key's hash":     {func(d *draft) { d.claims[len(d.claims)-1] ^= 1 }, attest.ErrForged},
		"claims without a key": {func(d *draft) {
			d.claims = []byte{0xA0}
			d.data = ratls.ReportData(d.claims)
		}, attest.ErrForged},
		"claims empty": {func(d *draft) {
			d.claims = []byte{}
			d.data = ratls.ReportData(nil)
		}, attest.ErrForged},
		"report data: byte 0":              {func(d *draft) { d.data[0] ^= 1 }, attest.ErrForged},
		"report data: byte 32 is not zero": {func(d *draft) { d.data[32] = 1 }, attest.ErrForged},
		"report data: byte 63 is not zero": {func(d *draft) { d.data[63] = 1 }, attest.ErrForged},
		"report data of an application":    {func(d *draft) { d.data = attest.ReportData("certificate", d.claims) }, attest.ErrForged},
		"report data is the key's hash":    {func(d *draft) { d.data = keyHash(t, d.key) }, attest.ErrForged},
		"expired":                          {func(d *draft) { d.until = m.now.Add(-time.Minute) }, attest.ErrForged},
		"not yet valid":                    {func(d *draft) { d.from = m.now.Add(time.Minute) }, attest.ErrForged},
		"signed by another key":            {func(d *draft) { d.signer = stranger.key }, attest.ErrForged},
		"no evidence":                      {func(d *draft) { d.extensions = []pkix.Extension{} }, attest.ErrMalformed},
		"evidence empty":                   {func(d *draft) { d.evidence = []byte{} }, attest.ErrMalformed},
		"evidence cut off":                 {func(d *draft) { d.make(t); d.extensions = nil; d.evidence = d.evidence[:len(d.evidence)-1] }, attest.ErrMalformed},
		"evidence of another kind": {func(d *draft) {
			d.extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 105, 1}, Value: oe.Report(d.machine.quote(t, d.body, keyHash(t, d.key)), true)}}
		}, attest.ErrUnsupported},
		"unknown critical extension": {func(d *draft) {
			d.make(t)
			d.extensions = append(d.extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		}, attest.ErrMalformed},
		"more than 64 KiB": {func(d *draft) {
			d.make(t)
			d.extensions = append(d.extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 64<<10)})
		}, attest.ErrMalformed},
		"another enclave":   {func(d *draft) { d.body = enclave("stranger") }, attest.ErrPolicy},
		"debug enclave":     {func(d *draft) { d.body.Attributes.Flags |= sgx.FlagDebug }, attest.ErrPolicy},
		"another's machine": {func(d *draft) { d.machine = other }, attest.ErrForged},
	}
}

func TestVerifyCertificate(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	r, err := v.VerifyCertificate(t.Context(), m.draft(t, "friend").leaf(t))
	check(t, err)
	if r.Measurement != enclave("friend").MRENCLAVE {
		t.Errorf("%+v", r)
	}
	for name, test := range forgeries(t, m) {
		t.Run(name, func(t *testing.T) {
			d := m.draft(t, "friend")
			test.change(d)
			if r, err := v.VerifyCertificate(t.Context(), d.leaf(t)); !errors.Is(err, test.want) || r != nil {
				t.Errorf("%+v, %v; want %v", r, err, test.want)
			} else {
				oneSentence(t, err)
			}
		})
	}
	t.Run("signature changed", func(t *testing.T) {
		cert := m.draft(t, "friend").leaf(t)
		cert.Signature = bytes.Clone(cert.Signature)
		cert.Signature[len(cert.Signature)-1] ^= 1
		if r, err := v.VerifyCertificate(t.Context(), cert); !errors.Is(err, attest.ErrForged) || r != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("last and first second", func(t *testing.T) {
		d := m.draft(t, "friend")
		d.from, d.until = m.now, m.now
		_, err := v.VerifyCertificate(t.Context(), d.leaf(t))
		check(t, err)
	})
}

// A key that fills the certificate would take seconds to check a signature by.
func TestCostlyKey(t *testing.T) {
	m := newMachine(t)
	cert := m.draft(t, "friend").leaf(t)
	cert.PublicKey = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 3}
	if _, err := m.verifier(t, "friend").VerifyCertificate(t.Context(), cert); !errors.Is(err, attest.ErrUnsupported) {
		t.Error(err)
	}
}
