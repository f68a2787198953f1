package dcap_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

const untrusted, expired = "PCK_CERT_CHAIN_UNTRUSTED", "PCK_CERT_CHAIN_EXPIRED"

// among is a change of who signs what.
func among(f func(*people)) change { return func(s *scene) { s.certified = f } }

// certs is a change of the certificates' PEM in the quote.
func certs(f func(b []byte) []byte) change {
	return after(func(q *issue.Quote) { q.CertData = f(q.CertData) })
}

func TestPCKChainOrder(t *testing.T) {
	reordered := func(order ...int) change {
		return certs(func(b []byte) []byte {
			var out []byte
			for _, i := range order {
				out = append(out, blocks(b)[i]...)
			}
			return out
		})
	}
	accepted(t, map[string]change{
		"baseline":              func(*scene) {},
		"root first":            reordered(2, 1, 0),
		"root in the middle":    reordered(0, 2, 1),
		"CA first":              reordered(1, 0, 2),
		"no NUL":                certs(func(b []byte) []byte { return bytes.TrimRight(b, "\x00") }),
		"no newline at the end": certs(func(b []byte) []byte { return bytes.TrimRight(b, "\x00\n") }),
		"NUL without newline":   certs(func(b []byte) []byte { return append(bytes.TrimRight(b, "\x00\n"), 0) }),
		"no newline between": certs(func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("-----\n-----BEGIN"), []byte("----------BEGIN"))
		}),
		"empty lines between": certs(func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("-----\n-----BEGIN"), []byte("-----\n\n\n-----BEGIN"))
		}),
		"Windows newlines": certs(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }),
		"Intel's names": func(s *scene) {
			names := issue.IntelNames()
			s.rootProfile.Subject, s.caProfile.Subject, s.signingProfile.Subject, s.pckProfile.Subject = names.Root, names.PCKCA, names.TCBSigning, names.PCK
		},
		"CA without a path length": func(s *scene) { s.rootProfile.PathLen, s.caProfile.PathLen = -1, -1 },
	})
	const noChain = "one chain"
	rows{
		"no certificates":                 {certs(func([]byte) []byte { return nil }), forged("SGX_ROOT_CA_MISSING", "")},
		"only a NUL":                      {certs(func([]byte) []byte { return []byte{0} }), forged("SGX_ROOT_CA_MISSING", "")},
		"PCK_MISSING: CA and root":        {reordered(1, 2), forged("PCK_MISSING", "")},
		"PCK_MISSING: two CAs and a root": {reordered(1, 1, 2), forged("PCK_MISSING", "")},
		"INTERMEDIATE_CA_MISSING":         {reordered(0, 2), forged("INTERMEDIATE_CA_MISSING", "")},
		"CA missing, root twice":          {reordered(0, 2, 2), forged("INTERMEDIATE_CA_MISSING", "")},
		"SGX_ROOT_CA_MISSING":             {reordered(0, 1), forged("SGX_ROOT_CA_MISSING", "")},
		"root missing, CA twice":          {reordered(0, 1, 1), forged("SGX_ROOT_CA_MISSING", "")},
		"two PCKs":                        {reordered(0, 0, 1, 2), forged(untrusted, noChain)},
		"two PCKs and no root":            {reordered(0, 0, 1), forged("SGX_ROOT_CA_MISSING", "")},
		"extra root":                      {reordered(0, 1, 2, 2), forged(untrusted, noChain)},
		"extra certificate of a stranger": {func(s *scene) {
			var p *people
			s.certified = func(all *people) { p = all }
			s.quoted = func(q *issue.Quote) {
				q.CertData = append(issue.PEM(p.signing.Certificate), q.CertData...)
			}
		}, forged(untrusted, noChain)},
		"PCK that is a CA":        {func(s *scene) { s.pckProfile.CA = true }, forged(untrusted, noChain)},
		"CA that is no CA":        {func(s *scene) { s.caProfile.CA = false }, forged(untrusted, noChain)},
		"PCK_MISSING: other name": {func(s *scene) { s.pckProfile.Subject.CommonName = "Intel SGX PCK" }, forged("PCK_MISSING", "PCK certificate")},
		"TCB signer as PCK":       {func(s *scene) { s.pckProfile.Subject = s.signingProfile.Subject }, forged("PCK_MISSING", "")},
		"other name of the CA":    {func(s *scene) { s.caProfile.Subject.CommonName = "Intel SGX CA" }, forged("INTERMEDIATE_CA_MISSING", "")},
		"other name of the root":  {func(s *scene) { s.rootProfile.Subject.CommonName = "Intel Root CA" }, forged("SGX_ROOT_CA_MISSING", "")},
		"names of PCK and CA exchanged": {func(s *scene) {
			s.pckProfile.Subject, s.caProfile.Subject = s.caProfile.Subject, s.pckProfile.Subject
		}, forged("INVALID_PCK_CERT", "Platform CA\" is not a PCK certificate")},
		"names of CA and root exchanged": {func(s *scene) {
			s.caProfile.Subject, s.rootProfile.Subject = s.rootProfile.Subject, s.caProfile.Subject
		}, forged("PCK_INVALID_ISSUER", "Root CA\" is not a PCK CA")},
		"PCK name with a suffix": {func(s *scene) { s.pckProfile.Subject.CommonName += " 2" }, forged("PCK_MISSING", "")},
		"PCK name of 100 kilobytes": {func(s *scene) {
			s.pckProfile.Subject.CommonName = strings.Repeat("\n", 10<<10) + " SGX PCK Certificate"
			s.pckProfile.KeyUsage = 0
		}, forged(untrusted, `"\n`)},
	}.refused(t)
}

func TestPEM(t *testing.T) {
	broken := malformed("not a list of PEM certificates")
	insert := func(at, what string) change {
		return certs(func(b []byte) []byte {
			i := bytes.LastIndex(b, []byte(at))
			return append(append(bytes.Clone(b[:i]), what...), b[i:]...)
		})
	}
	rows{
		"two NULs":                 {certs(func(b []byte) []byte { return append(b, 0) }), broken},
		"NUL and a newline":        {certs(func(b []byte) []byte { return append(b, '\n') }), broken},
		"NUL between":              {insert("-----BEGIN", "\x00"), broken},
		"garbage between":          {insert("-----BEGIN", "x"), broken},
		"garbage line between":     {insert("-----BEGIN", "subject=/CN=Intel\n"), broken},
		"garbage before":           {certs(func(b []byte) []byte { return append([]byte("x\n"), b...) }), broken},
		"garbage after":            {certs(func(b []byte) []byte { return append(bytes.TrimRight(b, "\x00"), 'x') }), broken},
		"garbage within":           {insert("-----END", "%"), broken},
		"garbage in an open block": {insert("-----BEGIN", "-----BEGIN CERTIFICATE-----\n%%%\n"), broken},
		"another block's end":      {insert("-----BEGIN", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n"), broken},
		"headers":                  {certs(func(b []byte) []byte { return bytes.Replace(b, []byte("-----\n"), []byte("-----\nA: b\n\n"), 1) }), broken},
		"private key":              {insert("-----BEGIN", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), broken},
		"empty certificate":        {certs(func(b []byte) []byte { return append(pemBlock(nil), b...) }), broken},
		"not a certificate":        {certs(func(b []byte) []byte { return append(pemBlock([]byte{0x30, 0}), b...) }), broken},
		"certificate with a trailing byte": {certs(func(b []byte) []byte {
			block, rest := pem.Decode(b)
			return append(pemBlock(append(block.Bytes, 0)), rest...)
		}), broken},
		"no end":             {certs(func(b []byte) []byte { return b[:len(b)-20] }), broken},
		"DER":                {certs(func(b []byte) []byte { block, _ := pem.Decode(b); return block.Bytes }), broken},
		"more than 32 KiB":   {insert("-----BEGIN", strings.Repeat("\n", 32<<10)), broken},
		"45 certificates":    {certs(func(b []byte) []byte { return bytes.Repeat(b[:len(b)-1], 15) }), broken},
		"UTF-16":             {certs(func(b []byte) []byte { return []byte(strings.Join(strings.Split(string(b), ""), "\x00")) }), broken},
		"byte order mark":    {certs(func(b []byte) []byte { return append([]byte("\xEF\xBB\xBF"), b...) }), broken},
		"trusted by OpenSSL": {certs(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" CERT"), []byte(" TRUSTED CERT")) }), broken},
	}.refused(t)
}

func TestPCKChain(t *testing.T) {
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	r := rows{
		"PCK_CERT_CHAIN_UNTRUSTED: wrong root with the same name": {handed(func(e *evidence) { e.root = newScene().play(t).root }), forged(untrusted, "another root")},
		"Intel's root": {handed(func(e *evidence) { e.root = dcap.IntelRoot() }), forged(untrusted, "another root")},
		"no root":      {handed(func(e *evidence) { e.root = nil }), forged(untrusted, "another root")},
		"PCK_INVALID_ISSUER: signed by another key":             {among(func(p *people) { resign(t, p.pck, p.ca, p.signing.Key) }), forged("PCK_INVALID_ISSUER", "Certificate\" is not signed by")},
		"INTERMEDIATE_CA_INVALID_ISSUER: signed by another key": {among(func(p *people) { resign(t, p.ca, p.root, p.signing.Key) }), forged("INTERMEDIATE_CA_INVALID_ISSUER", "CA\" is not signed by")},
		"ROOT_CA_INVALID_ISSUER: signed by another key":         {among(func(p *people) { resign(t, p.root, p.root, p.signing.Key) }), forged("ROOT_CA_INVALID_ISSUER", "Root CA\" is not signed by")},
		"ROOT_CA_INVALID_ISSUER: names another":                 {among(func(p *people) { resign(t, p.root, p.signing, p.root.Key) }), forged("ROOT_CA_INVALID_ISSUER", "Root CA\" is not signed by")},
		"PCK with an Ed25519 key": {among(func(p *people) {
			public, _, err := ed25519.GenerateKey(rand.Reader)
			check(t, err)
			p.pck.Certificate = reissue(t, p.pck, p.ca, public, x509.ECDSAWithSHA256)
		}), forged(untrusted, "P-256")},
		"PCK with a P-384 key": {among(func(p *people) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			check(t, err)
			p.pck.Certificate = reissue(t, p.pck, p.ca, key.Public(), x509.ECDSAWithSHA256)
		}), forged(untrusted, "P-256")},
		"PCK signed with SHA-384": {among(func(p *people) {
			p.pck.Certificate = reissue(t, p.pck, p.ca, p.pck.Key.Public(), x509.ECDSAWithSHA384)
		}), forged(untrusted, "P-256")},
		"key usage of the PCK":              {func(s *scene) { s.pckProfile.KeyUsage = x509.KeyUsageKeyEncipherment }, forged(untrusted, "not a certificate for signing")},
		"no key usage of the PCK":           {func(s *scene) { s.pckProfile.KeyUsage = 0 }, forged(untrusted, "not a certificate for signing")},
		"no basic constraints of the PCK":   {func(s *scene) { s.pckProfile.Omit = []asn1.ObjectIdentifier{issue.OIDBasicConstraints()} }, forged(untrusted, "not a certificate for signing")},
		"CA that may not sign certificates": {func(s *scene) { s.caProfile.KeyUsage = x509.KeyUsageCRLSign }, forged(untrusted, "CA\" may not sign")},
		"CA that may not sign lists":        {func(s *scene) { s.caProfile.KeyUsage = x509.KeyUsageCertSign }, forged(untrusted, "CA\" may not sign")},
		"CA without key usage":              {func(s *scene) { s.caProfile.KeyUsage = 0 }, forged(untrusted, "CA\" may not sign")},
		"root that may not sign lists":      {func(s *scene) { s.rootProfile.KeyUsage = x509.KeyUsageCertSign }, forged(untrusted, "Root CA\" may not sign")},
		"path length of the root":           {func(s *scene) { s.rootProfile.PathLen = 0 }, forged(untrusted, "Root CA\" may not sign")},
	}
	for name, profile := range map[string]func(*scene) *issue.Profile{
		"PCK":  func(s *scene) *issue.Profile { return &s.pckProfile },
		"CA":   func(s *scene) *issue.Profile { return &s.caProfile },
		"root": func(s *scene) *issue.Profile { return &s.rootProfile },
	} {
		for what, test := range map[string]struct {
			change func(*issue.Profile)
			refusal
		}{
			"PCK_CERT_CHAIN_EXPIRED":     {func(p *issue.Profile) { p.Validity.Until = day(-1) }, forged(expired, "not valid at 2026-03-01T12:00:00Z")},
			"not yet valid":              {func(p *issue.Profile) { p.Validity.From = day(1) }, forged(expired, "not valid at")},
			"unknown critical extension": {func(p *issue.Profile) { p.Extensions = append(p.Extensions, critical) }, forged(untrusted, "unknown critical extension")},
		} {
			r[what+": "+name] = row{func(s *scene) { test.change(profile(s)) }, test.refusal}
		}
	}
	r.refused(t)
}

// TestRootIsAKey verifies under another certificate of the same root: Intel
// has issued more than one.
func TestRootIsAKey(t *testing.T) {
	accepted(t, map[string]change{
		"root certificate renewed in the quote": func(s *scene) {
			var p *people
			s.certified = func(all *people) { p = all }
			s.quoted = func(q *issue.Quote) {
				profile := s.rootProfile
				profile.Validity.Until = profile.Validity.Until.AddDate(10, 0, 0)
				renewed := must(profile.Issue(nil, p.root.Key))(t)
				q.CertData = issue.PEM(p.pck.Certificate, p.ca.Certificate, renewed.Certificate)
			}
		},
		"second of expiry": func(s *scene) { s.pckProfile.Validity.Until = noon },
		"second of issue":  func(s *scene) { s.pckProfile.Validity.From = noon },
	})
}

func handed(f func(*evidence)) change { return func(s *scene) { s.handed = f } }

// blocks splits PEM.
func blocks(b []byte) [][]byte {
	var out [][]byte
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		out = append(out, pem.EncodeToMemory(block))
	}
	return out
}

func pemBlock(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// resign signs e's certificate anew, naming by but with another key.
func resign(t *testing.T, e, by *issue.Entity, key *ecdsa.PrivateKey) {
	t.Helper()
	e.Certificate = reissue(t, e, &issue.Entity{Certificate: by.Certificate, Key: key}, e.Key.Public(), x509.ECDSAWithSHA256)
}

func reissue(t *testing.T, e, by *issue.Entity, key any, algorithm x509.SignatureAlgorithm) *x509.Certificate {
	t.Helper()
	old := e.Certificate
	template := &x509.Certificate{
		SignatureAlgorithm: algorithm,
		RawSubject:         old.RawSubject,
		SerialNumber:       old.SerialNumber,
		NotBefore:          old.NotBefore,
		NotAfter:           old.NotAfter,
		ExtraExtensions:    old.Extensions,
	}
	parent := &x509.Certificate{RawSubject: by.Certificate.RawSubject}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, key, by.Key))(t)
	return must(x509.ParseCertificate(der))(t)
}
