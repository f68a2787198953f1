package dcap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"
)

// The ends of the common names that tell roles apart. Intel's begin with
// "Intel", a simulator's with its own name.
const (
	nameRoot        = "SGX Root CA"
	namePlatformCA  = "SGX PCK Platform CA"
	nameProcessorCA = "SGX PCK Processor CA"
	namePCK         = "SGX PCK Certificate"
	nameTCBSigner   = "SGX TCB Signing"
)

// maxChainSize bounds the PEM of certificates, in bytes. Intel's have 3,700.
const maxChainSize = 32 << 10

// parseCertificates parses certificates in PEM as they are found in the wild:
// with or without newlines between them, with or without one NUL after them.
// Anything else between or after them is refused.
func parseCertificates(b []byte) ([]*x509.Certificate, bool) {
	if len(b) > maxChainSize {
		return nil, false
	}
	var certs []*x509.Certificate
	b = bytes.TrimSpace(bytes.TrimSuffix(b, []byte{0}))
	for len(b) > 0 {
		der, rest, ok := cutPEM(b, "CERTIFICATE")
		if !ok {
			return nil, false
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		certs = append(certs, cert)
		b = bytes.TrimSpace(rest)
	}
	return certs, true
}

// cutPEM takes a block of PEM off b. Package encoding/pem skips what it cannot
// read, needs newlines, and does not mind bits that encode nothing.
func cutPEM(b []byte, kind string) (der, rest []byte, ok bool) {
	text, rest, ends := bytes.Cut(b, []byte("-----END "+kind+"-----"))
	text, begins := bytes.CutPrefix(text, []byte("-----BEGIN "+kind+"-----"))
	if !begins || !ends {
		return nil, nil, false
	}
	der = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(der, text)
	return der[:n], rest, err == nil
}

// order returns certs from the leaf to the root, whatever order they came in.
// All of them must be part of the one chain, n long.
func order(certs []*x509.Certificate, n int) ([]*x509.Certificate, bool) {
	if len(certs) != n {
		return nil, false
	}
	chain := make([]*x509.Certificate, 0, n)
	for _, c := range certs {
		if !c.IsCA {
			chain = append(chain, c)
		}
	}
	if len(chain) != 1 {
		return nil, false
	}
	for len(chain) < n {
		parent := issuerOf(chain[len(chain)-1], certs)
		if parent == nil {
			return nil, false
		}
		chain = append(chain, parent)
	}
	return chain, true
}

func issuerOf(cert *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	for _, c := range among {
		if c.IsCA && c != cert && bytes.Equal(c.RawSubject, cert.RawIssuer) {
			return c
		}
	}
	return nil
}

// An anchor is the root key, as a SubjectPublicKeyInfo, and the time at which
// everything is judged. Documents and lists may be as old as grace allows.
type anchor struct {
	root  []byte
	now   time.Time
	grace time.Duration
}

// A path is a chain of certificates from its leaf to its root, and how Intel's
// library calls what may be wrong with it.
type path struct {
	certs     []*x509.Certificate
	kind      error
	what      string
	issuers   []string // of the leaf, of the next…
	untrusted string
	expired   string
}

func (p *path) fail(name, reason string) error {
	return &Error{p.kind, name, p.what + ": " + reason}
}

// endsIn verifies what the path rests on. Intel has issued more than one
// certificate for its root: only the key counts.
func (p *path) endsIn(root []byte) error {
	top := p.certs[len(p.certs)-1]
	if !bytes.Equal(top.RawSubjectPublicKeyInfo, root) {
		return p.fail(p.untrusted, "it ends in another root than the one that is trusted")
	}
	return nil
}

// prove verifies everything about the path that time does not change.
func (p *path) prove(root []byte) error {
	if err := p.endsIn(root); err != nil {
		return err
	}
	for i, c := range p.certs {
		if reason := misused(c, i); reason != "" {
			return p.fail(p.untrusted, quoted(c.Subject.CommonName)+" "+reason)
		}
	}
	for i, c := range p.certs {
		parent := p.certs[min(i+1, len(p.certs)-1)]
		if !bytes.Equal(c.RawIssuer, parent.RawSubject) || c.CheckSignatureFrom(parent) != nil {
			return p.fail(p.issuers[i], quoted(c.Subject.CommonName)+" is not signed by "+quoted(parent.Subject.CommonName))
		}
	}
	return nil
}

// misused says why a certificate with depth others below it may not be where
// it is.
func misused(c *x509.Certificate, depth int) (reason string) {
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || key.Curve != elliptic.P256() || c.SignatureAlgorithm != x509.ECDSAWithSHA256:
		return "does not use ECDSA with P-256 and SHA-256"
	case len(c.UnhandledCriticalExtensions) > 0:
		return "has an unknown critical extension"
	case depth == 0 && (c.IsCA || !c.BasicConstraintsValid || c.KeyUsage&x509.KeyUsageDigitalSignature == 0):
		return "is not a certificate for signing"
	case depth > 0 && (!c.IsCA || !c.BasicConstraintsValid || c.KeyUsage&issuing != issuing || c.MaxPathLen >= 0 && c.MaxPathLen < depth-1):
		return "may not sign what it signs"
	}
	return ""
}

// issuing is the key usage of everybody above the leaf: all of them sign
// revocation lists too.
const issuing = x509.KeyUsageCertSign | x509.KeyUsageCRLSign

// inTime verifies that all of the path is valid at a time.
func (p *path) inTime(now time.Time) error {
	for _, c := range p.certs {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return p.fail(p.expired, quoted(c.Subject.CommonName)+" is not valid at "+now.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func (p *path) notAfter() time.Time {
	t := p.certs[0].NotAfter
	for _, c := range p.certs[1:] {
		t = earliest(t, c.NotAfter)
	}
	return t
}

func named(c *x509.Certificate, suffix string) bool {
	return strings.HasSuffix(c.Subject.CommonName, suffix)
}

// anyNamed finds a certificate in a role.
func anyNamed(certs []*x509.Certificate, suffixes ...string) bool {
	for _, c := range certs {
		for _, suffix := range suffixes {
			if named(c, suffix) {
				return true
			}
		}
	}
	return false
}

func earliest(t time.Time, more ...time.Time) time.Time {
	for _, u := range more {
		if u.Before(t) {
			t = u
		}
	}
	return t
}
