package dcap_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
)

// A list is one of the two revocation lists: what applies to one applies to
// the other.
type list struct {
	content func(*evidence) *[]byte
	profile func(*scene) *issue.CRL
	issuer  func(*people) **issue.Entity
}

func lists() map[string]list {
	return map[string]list{
		"root CA": {
			func(e *evidence) *[]byte { return &e.collateral.RootCRL },
			func(s *scene) *issue.CRL { return &s.rootCRL },
			func(p *people) **issue.Entity { return &p.crlRoot },
		},
		"PCK": {
			func(e *evidence) *[]byte { return &e.collateral.PCKCRL },
			func(s *scene) *issue.CRL { return &s.pckCRL },
			func(p *people) **issue.Entity { return &p.crlCA },
		},
	}
}

// received changes the bytes of the list.
func (l list) received(f func([]byte) []byte) change {
	return handed(func(e *evidence) { *l.content(e) = f(*l.content(e)) })
}

// issued changes what is signed.
func (l list) issued(f func(*issue.CRL)) change {
	return func(s *scene) { f(l.profile(s)) }
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestCRLEncodings(t *testing.T) {
	for name, l := range lists() {
		t.Run(name, func(t *testing.T) {
			accepted(t, map[string]change{
				"PEM":                  l.received(func(b []byte) []byte { return pemOf("X509 CRL", b) }),
				"PEM and empty lines":  l.received(func(b []byte) []byte { return append(pemOf("X509 CRL", b), "\r\n\n"...) }),
				"hexadecimal":          l.received(func(b []byte) []byte { return hex.AppendEncode(nil, b) }),
				"upper case and lines": l.received(func(b []byte) []byte { return append(bytes.ToUpper(hex.AppendEncode(nil, b)), '\n') }),
				"others are revoked":   l.issued(func(c *issue.CRL) { c.Revoked = []*big.Int{big.NewInt(1), big.NewInt(2)} }),
				"second of expiry":     l.issued(func(c *issue.CRL) { c.Validity.Until = noon }),
				"second of issue":      l.issued(func(c *issue.CRL) { c.Validity.From = noon }),
			})
		})
	}
}

func TestCRL(t *testing.T) {
	const format = "SGX_CRL_UNSUPPORTED_FORMAT"
	two := []*big.Int{big.NewInt(1), big.NewInt(0x5EC0DE)}
	for name, l := range lists() {
		r := rows{
			"missing":                 {l.received(func([]byte) []byte { return nil }), unusable(format, "is missing")},
			"empty":                   {l.received(func([]byte) []byte { return []byte{} }), unusable(format, "is missing")},
			"white space":             {l.received(func([]byte) []byte { return []byte("\n") }), unusable(format, "cannot be read")},
			"an error page":           {l.received(func([]byte) []byte { return []byte("<html>") }), unusable(format, "cannot be read")},
			"PEM of something else":   {l.received(func(b []byte) []byte { return pemOf("CERTIFICATE", b) }), unusable(format, "cannot be read")},
			"PEM and garbage":         {l.received(func(b []byte) []byte { return append(pemOf("X509 CRL", b), 'x') }), unusable(format, "cannot be read")},
			"garbage and PEM":         {l.received(func(b []byte) []byte { return append([]byte("x\n"), pemOf("X509 CRL", b)...) }), unusable(format, "cannot be read")},
			"two lists":               {l.received(func(b []byte) []byte { return append(pemOf("X509 CRL", b), pemOf("X509 CRL", b)...) }), unusable(format, "cannot be read")},
			"hexadecimal and garbage": {l.received(func(b []byte) []byte { return append(hex.AppendEncode(nil, b), 'x') }), unusable(format, "cannot be read")},
			"more than 1 MiB": {l.received(func(b []byte) []byte {
				return append(pemOf("X509 CRL", b), bytes.Repeat([]byte(" "), 1<<20)...)
			}), unusable(format, "has more than 1048576 bytes")},
			"CRL_EXPIRED":     {l.issued(func(c *issue.CRL) { c.Validity.Until = noon.Add(-time.Second) }), unusable("CRL_EXPIRED", "is of")},
			"without an end":  {l.issued(func(c *issue.CRL) { c.Validity.Until = time.Time{} }), unusable("CRL_EXPIRED", "is of")},
			"from the future": {l.issued(func(c *issue.CRL) { c.Validity.From = noon.Add(time.Second) }), unusable("CRL_EXPIRED", "is of")},
			"CRL_UNKNOWN_ISSUER": {l.issued(func(c *issue.CRL) {
				c.Issuer = must(issue.Subject{CommonName: "Intel"}.DER())(t)
			}), unusable("CRL_UNKNOWN_ISSUER", "is not by")},
			"CRL_INVALID_SIGNATURE: by another key": {among(func(p *people) {
				*l.issuer(p) = &issue.Entity{Certificate: (*l.issuer(p)).Certificate, Key: p.pck.Key}
			}), unusable("CRL_INVALID_SIGNATURE", "is not signed by")},
			"CRL_INVALID_SIGNATURE: an entry changed": {func(s *scene) {
				l.profile(s).Revoked = two
				s.handed = func(e *evidence) {
					b := *l.content(e)
					b[bytes.Index(b, []byte{0x5E, 0xC0, 0xDE})]--
				}
			}, unusable("CRL_INVALID_SIGNATURE", "is not signed by")},
			"CRL_INVALID_EXTENSIONS: critical one of the list": {l.issued(func(c *issue.CRL) {
				c.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
			}), unusable("CRL_INVALID_EXTENSIONS", "has an unknown critical")},
			"CRL_INVALID_EXTENSIONS: of one kind of certificate": {l.issued(func(c *issue.CRL) {
				c.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Value: []byte{0x30, 3, 0x82, 1, 0xff}}}
			}), unusable("CRL_INVALID_EXTENSIONS", "is only a part")},
			"CRL_INVALID_EXTENSIONS: of what has changed": {l.issued(func(c *issue.CRL) {
				c.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Value: []byte{2, 1, 1}}}
			}), unusable("CRL_INVALID_EXTENSIONS", "is only a part")},
			"CRL_INVALID_SIGNATURE: by another hash": {func(s *scene) {
				var p *people
				s.certified = func(all *people) { p = all }
				s.handed = func(e *evidence) { *l.content(e) = hashedOtherwise(t, *l.content(e), *l.issuer(p)) }
			}, unusable("CRL_INVALID_SIGNATURE", "is not signed by")},
			"CRL_INVALID_EXTENSIONS: critical one of an entry": {func(s *scene) {
				l.profile(s).Revoked = two
				var p *people
				s.certified = func(all *people) { p = all }
				s.handed = func(e *evidence) { *l.content(e) = criticalEntry(t, *l.content(e), *l.issuer(p)) }
			}, unusable("CRL_INVALID_EXTENSIONS", "has an unknown critical")},
		}
		t.Run(name, func(t *testing.T) {
			for cause, row := range r {
				row.says = "the " + name + " revocation list " + row.says
				r[cause] = row
			}
			r.refused(t)
		})
	}
}

func TestRevocation(t *testing.T) {
	number := big.NewInt(0x5EC0DE)
	swap := handed(func(e *evidence) {
		e.collateral.RootCRL, e.collateral.PCKCRL = e.collateral.PCKCRL, e.collateral.RootCRL
	})
	rows{
		"PCK_REVOKED": {func(s *scene) {
			s.pckProfile.Serial = number
			s.pckCRL.Revoked = []*big.Int{big.NewInt(1), number}
		}, forged("PCK_REVOKED", "5ec0de")},
		"INTERMEDIATE_CA_REVOKED": {func(s *scene) {
			s.caProfile.Serial = number
			s.rootCRL.Revoked = []*big.Int{number, big.NewInt(1)}
		}, forged("INTERMEDIATE_CA_REVOKED", "")},
		"TCB_SIGNING_CERT_REVOKED": {func(s *scene) {
			s.signingProfile.Serial = number
			s.rootCRL.Revoked = []*big.Int{number}
		}, unusable("TCB_SIGNING_CERT_REVOKED", "TCB info")},
		"TCB_SIGNING_CERT_REVOKED: of the QE identity": {func(s *scene) {
			s.qeSignedApart(t, number)
			s.rootCRL.Revoked = []*big.Int{number}
		}, unusable("TCB_SIGNING_CERT_REVOKED", "QE identity")},
		"lists exchanged": {swap, unusable("CRL_UNKNOWN_ISSUER", "root CA")},
		"the root's list for both": {handed(func(e *evidence) {
			e.collateral.PCKCRL = e.collateral.RootCRL
		}), unusable("CRL_UNKNOWN_ISSUER", "PCK")},
	}.refused(t)
	accepted(t, map[string]change{
		"PCK's number in the root's list": func(s *scene) {
			s.pckProfile.Serial = number
			s.rootCRL.Revoked = []*big.Int{number}
		},
		"CA's number in the PCK list": func(s *scene) {
			s.caProfile.Serial = number
			s.pckCRL.Revoked = []*big.Int{number}
		},
	})
}

// qeSignedApart has the QE identity signed by another certificate, with this
// serial number, than the TCB info.
func (s *scene) qeSignedApart(t *testing.T, serial *big.Int) {
	var chain []byte
	s.certified = func(p *people) {
		profile := s.signingProfile
		profile.Serial = serial
		p.qeSigning = must(profile.Issue(p.root, nil))(t)
		chain = issue.PEM(p.qeSigning.Certificate, p.root.Certificate)
	}
	s.handed = func(e *evidence) { e.collateral.QEIdentityChain = chain }
}

func TestCRLTruncated(t *testing.T) {
	e := newScene().play(t)
	good := e.collateral.PCKCRL
	encodings := map[string][]byte{"DER": good, "PEM": bytes.TrimSpace(pemOf("X509 CRL", good)), "hexadecimal": hex.AppendEncode(nil, good)}
	for name, b := range encodings {
		for n := range b {
			e.collateral.PCKCRL = b[:n]
			if v, err := e.verify(); err == nil || v != nil {
				t.Fatalf("%s: %d of %d bytes verify", name, n, len(b))
			}
		}
		e.collateral.PCKCRL = b
		if _, err := e.verify(); err != nil {
			t.Errorf("%s, whole: %v", name, err)
		}
	}
}

// criticalEntry makes the reason of the first entry critical, which issue does
// not write.
func criticalEntry(t *testing.T, der []byte, by *issue.Entity) []byte {
	t.Helper()
	var list struct {
		Body      revocationList
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &list); err != nil {
		t.Fatal(err)
	}
	list.Body.Revoked[0].Extensions[0].Critical = true
	digest := sha256.Sum256(must(asn1.Marshal(list.Body))(t))
	list.Signature.Bytes = must(by.Key.Sign(rand.Reader, digest[:], nil))(t)
	list.Signature.BitLength = 8 * len(list.Signature.Bytes)
	return must(asn1.Marshal(list))(t)
}

// hashedOtherwise has a list signed by its own issuer, but not with SHA-256.
func hashedOtherwise(t *testing.T, der []byte, by *issue.Entity) []byte {
	t.Helper()
	list := must(x509.ParseRevocationList(der))(t)
	list.SignatureAlgorithm = x509.ECDSAWithSHA384
	return must(x509.CreateRevocationList(rand.Reader, list, by.Certificate, by.Key))(t)
}

// RFC 5280, section 5.1.
type (
	revocationList struct {
		Version                int
		Algorithm              pkix.AlgorithmIdentifier
		Issuer                 asn1.RawValue
		ThisUpdate, NextUpdate time.Time
		Revoked                []revocation
		Extensions             []pkix.Extension `asn1:"tag:0,explicit"`
	}
	revocation struct {
		Serial     *big.Int
		Time       time.Time
		Extensions []pkix.Extension
	}
)
