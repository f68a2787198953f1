package attest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// TestFrameList has what can be wrong with a certificate around good evidence
// (section B of the list of attacks).
func TestFrameList(t *testing.T) {
	m := newMachine(t)
	changed := func(change func(*leaf)) func(*testing.T, *leaf) *leaf {
		return func(t *testing.T, l *leaf) *leaf { change(l); return l.in(t, ratls.DICE) }
	}
	critical := func(e pkix.Extension) pkix.Extension { e.Critical = true; return e }
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}
	p384, p521 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t), must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t)
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))(t)
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	years := func(n int) func(*leaf) {
		return func(l *leaf) { l.template.NotAfter = l.template.NotBefore.AddDate(n, 0, 0) }
	}
	run(t, m, m.verifier(t, "friend"), []listed{
		{"honest", changed(func(*leaf) {}), nil},
		{"B_expired", changed(func(l *leaf) { l.template.NotAfter = m.now.Add(-time.Second) }), attest.ErrForged},
		{"B_not_yet_valid", changed(func(l *leaf) { l.template.NotBefore = m.now.Add(time.Second) }), attest.ErrForged},
		{"B_valid_30_years", changed(years(30)), nil},
		{"B_validity_over_the_maximum", changed(years(31)), attest.ErrForged},
		{"B_valid_from_the_year_1", changed(func(l *leaf) { l.template.NotBefore = time.Time{} }), attest.ErrForged},
		{"B_SHA1_signature", changed(func(l *leaf) { l.template.SignatureAlgorithm = x509.ECDSAWithSHA1 }), attest.ErrForged},
		{"B_signed_by_another_key", changed(func(l *leaf) { l.signer = newECDSA(t) }), attest.ErrForged},
		{"B_CN_only_name", changed(func(l *leaf) { l.template.Subject.CommonName = "bank.example" }), nil}, // which proves nothing
		{"B_is_a_CA", changed(func(l *leaf) { l.template.IsCA, l.template.BasicConstraintsValid = true, true }), attest.ErrForged},
		{"B_critical_unknown_extension", changed(func(l *leaf) { l.add(unknown) }), attest.ErrMalformed},
		{"B_critical_evidence_extension", func(t *testing.T, l *leaf) *leaf {
			l.in(t, ratls.DICE)
			l.template.ExtraExtensions[0] = critical(l.template.ExtraExtensions[0])
			return l
		}, nil},
		{"B_RSA_1024", changed(func(l *leaf) { l.key = newRSA(t, 1024) }), attest.ErrUnsupported},
		{"B_RSA_2048", changed(func(l *leaf) { l.key = newRSA(t, 2048) }), attest.ErrUnsupported},
		{"B_P224", changed(func(l *leaf) { l.key = p224 }), attest.ErrUnsupported},
		{"B_P384", changed(func(l *leaf) { l.key = p384 }), nil},
		{"B_P521", changed(func(l *leaf) { l.key = p521 }), nil},
		{"B_Ed25519", changed(func(l *leaf) { l.key = edwards }), nil},
	})
}

// TestFrameListChanged has certificates that were changed once they were signed.
func TestFrameListChanged(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	l := m.leaf(t, "friend")
	l.template.DNSNames = []string{"vault.example"}
	cert := l.in(t, ratls.DICE).parsed(t)
	for name, der := range map[string][]byte{
		"B_tampered_SAN":       bytes.Replace(cert.Raw, []byte("vault.example"), []byte("valid.example"), 1),
		"B_bad_self-signature": flipped(cert.Raw, len(cert.Raw)-1),
		"B_tampered_date":      bytes.Replace(cert.Raw, []byte("260301130000Z"), []byte("360301130000Z"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			changed := must(x509.ParseCertificate(der))(t)
			if bytes.Equal(der, cert.Raw) {
				t.Fatal("nothing was changed")
			}
			if r, err := v.VerifyCertificate(t.Context(), changed); !errors.Is(err, attest.ErrForged) || r != nil {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	_, err := v.VerifyCertificate(t.Context(), cert)
	check(t, err)
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestFrameListEncodings has the two traps of PEM: a certificate in DER has
// those of the platform's chain in it, and genuine chains have no line breaks
// between them.
func TestFrameListEncodings(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	t.Run("B_DER_with_embedded_PEM", func(t *testing.T) {
		der := m.leaf(t, "friend").in(t, ratls.DICE).make(t).Certificate[0]
		if block, _ := pem.Decode(der); block == nil {
			t.Fatal("there is no PEM in it")
		}
		_, err := v.VerifyCertificate(t.Context(), must(x509.ParseCertificate(der))(t))
		check(t, err)
	})
	t.Run("B_PEM_without_newline", func(t *testing.T) {
		l := m.leaf(t, "friend")
		data := must(ratls.DICE.ReportData(l.spki(t)))(t)
		body := l.body
		body.ReportData = data
		q := issue.NewQuote(&body, &m.qe, m.authority.PCKChain(m.pck)...)
		q.CertData = bytes.ReplaceAll(q.CertData, []byte("-----\n-----"), []byte("----------"))
		l.add(must(ratls.DICE.Extension(l.spki(t), m.sign(t, q)))(t))
		_, err := v.VerifyCertificate(t.Context(), l.parsed(t))
		check(t, err)
	})
}

// public is a key of that many bits that nobody has: to make one takes long.
type public int

func (bits public) Public() crypto.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits)-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

func (public) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	panic("nobody has this key")
}

// TestFrames has what each dialect allows beyond the others, because genuine
// certificates of it need that.
func TestFrames(t *testing.T) {
	m := newMachine(t)
	year1 := func(l *leaf) { l.template.NotBefore, l.template.NotAfter = time.Time{}, m.now.AddDate(1, 0, 0) }
	openEnclave := func(l *leaf) {
		l.template.NotBefore = time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC)
		l.template.NotAfter = time.Date(2050, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	rsa2048, another := newRSA(t, 2048), newRSA(t, 2048)
	sha1 := func(l *leaf) { l.key = rsa2048; l.template.SignatureAlgorithm = x509.SHA1WithRSA }
	tests := map[string]struct {
		dialect ratls.Dialect
		change  func(*leaf)
		most    time.Duration
		want    error
	}{
		"EGo from the year 1":                {ratls.EGo, year1, 0, nil},
		"EGo from the year 1, for two years": {ratls.EGo, func(l *leaf) { year1(l); l.template.NotAfter = m.now.AddDate(2, 0, 0) }, 0, attest.ErrForged},
		"EGo from the year 1, two allowed":   {ratls.EGo, func(l *leaf) { year1(l); l.template.NotAfter = m.now.AddDate(2, 0, 0) }, 3 * 366 * 24 * time.Hour, nil},
		"EGo from the year 1, expired":       {ratls.EGo, func(l *leaf) { year1(l); l.template.NotAfter = m.now.Add(-time.Second) }, 0, attest.ErrForged},
		"EGo, dated, for two years":          {ratls.EGo, func(l *leaf) { l.template.NotAfter = m.now.AddDate(2, 0, 0) }, 0, attest.ErrForged},
		"EGo in Open Enclave's form":         {ratls.OpenEnclaveReport, year1, 0, nil},
		"that, for two years":                {ratls.OpenEnclaveReport, func(l *leaf) { year1(l); l.template.NotAfter = m.now.AddDate(2, 0, 0) }, 0, attest.ErrForged},
		"Open Enclave evidence undated":      {ratls.OpenEnclaveEvidence, year1, 0, attest.ErrForged},
		"EGo with RSA":                       {ratls.EGo, func(l *leaf) { l.key = rsa2048 }, 0, attest.ErrUnsupported},
		"DICE from the year 1":               {ratls.DICE, year1, 0, attest.ErrForged},
		"Open Enclave's dates":               {ratls.OpenEnclaveReport, openEnclave, 0, nil},
		"Open Enclave's dates, too long":     {ratls.OpenEnclaveReport, openEnclave, 48 * time.Hour, attest.ErrForged},
		"Open Enclave with RSA":              {ratls.OpenEnclaveEvidence, func(l *leaf) { l.key = rsa2048 }, 0, nil},
		"Open Enclave with RSA of 2047":      {ratls.OpenEnclaveEvidence, func(l *leaf) { l.key, l.signer = public(2047), rsa2048 }, 0, attest.ErrUnsupported},
		"Open Enclave with RSA of 4096":      {ratls.OpenEnclaveEvidence, func(l *leaf) { l.key, l.signer = public(4096), rsa2048 }, 0, attest.ErrForged}, // nobody has that key
		"Open Enclave with RSA of 4097":      {ratls.OpenEnclaveEvidence, func(l *leaf) { l.key, l.signer = public(4097), rsa2048 }, 0, attest.ErrUnsupported},
		"Open Enclave with SHA-1":            {ratls.OpenEnclaveReport, sha1, 0, attest.ErrForged},
		"Gramine for Open Enclave's dates":   {ratls.Gramine, openEnclave, 0, attest.ErrForged},
		"rats-tls":                           {ratls.RATSTLS, func(l *leaf) { l.key = rsa2048 }, 0, nil},
		"rats-tls with SHA-1":                {ratls.RATSTLS, sha1, 0, nil},
		"rats-tls with SHA-1 of another":     {ratls.RATSTLS, func(l *leaf) { sha1(l); l.signer = another }, 0, attest.ErrForged},
		"rats-tls for eleven years":          {ratls.RATSTLS, func(l *leaf) { l.key = rsa2048; l.template.NotAfter = m.now.AddDate(11, 0, 0) }, 0, attest.ErrForged},
		"a day, where an hour is accepted":   {ratls.DICE, func(l *leaf) { l.template.NotAfter = m.now.Add(23 * time.Hour) }, time.Hour, attest.ErrForged},
		"a day, where a day is":              {ratls.DICE, func(l *leaf) { l.template.NotAfter = m.now.Add(23 * time.Hour) }, 24 * time.Hour, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := m.leaf(t, "friend")
			test.change(l)
			v := m.accepting(t, attest.Dialect(test.dialect))
			v.MaxLife = test.most
			r, err := v.VerifyCertificate(t.Context(), l.in(t, test.dialect).parsed(t))
			if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
				t.Errorf("%+v, %v; want %v", r, err, test.want)
			}
		})
	}
	t.Run("the strictest of two", func(t *testing.T) {
		l := m.leaf(t, "friend")
		year1(l)
		_, err := m.accepting(t, attest.EGo).VerifyCertificate(t.Context(), l.in(t, ratls.EGo, ratls.DICE).parsed(t))
		if !errors.Is(err, attest.ErrForged) {
			t.Error(err)
		}
	})
}
