package dcap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"
)

// The ends of the common names that tell roles apart. Intel's begin with
// "Intel", a simulator's with its own name.
const (
	nameRoot         = "SGX Root CA"
	namePlatformCA   = "SGX PCK Platform CA"
	nameProcessorCA  = "SGX PCK Processor CA"
	namePCK          = "SGX PCK Certificate"
	nameTCBSigner    = "SGX TCB Signing"
	maxChainSize     = 32 << 10
	pemBegin, pemEnd = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
)

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
		end := bytes.Index(b, []byte(pemEnd))
		// The last beginning, because pem skips what it cannot read before it.
		if end < 0 || bytes.LastIndex(b[:end], []byte(pemBegin)) != 0 {
			return nil, false
		}
		end += len(pemEnd)
		block, rest := pem.Decode(b[:end:end])
		if block == nil || len(rest) != 0 || len(block.Headers) != 0 {
			return nil, false
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, false
		}
		certs = append(certs, cert)
		b = bytes.TrimSpace(b[end:])
	}
	return certs, true
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
// everything is judged.
type anchor struct {
	root []byte
	now  time.Time
}

// checkChain verifies chain, from its leaf to its root.
func (a anchor) checkChain(chain []*x509.Certificate) (reason string) {
	root := chain[len(chain)-1]
	if !bytes.Equal(root.RawSubjectPublicKeyInfo, a.root) {
		return "it ends in another root than the one that is trusted"
	}
	for i, c := range chain {
		parent := chain[min(i+1, len(chain)-1)]
		if reason := a.checkCertificate(c, parent, i); reason != "" {
			return reason
		}
	}
	return ""
}

// checkCertificate verifies one certificate with depth others below it.
func (a anchor) checkCertificate(c, parent *x509.Certificate, depth int) (reason string) {
	name := c.Subject.CommonName
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || key.Curve != elliptic.P256() || c.SignatureAlgorithm != x509.ECDSAWithSHA256:
		return quoted(name) + " does not use ECDSA with P-256 and SHA-256"
	case len(c.UnhandledCriticalExtensions) > 0:
		return quoted(name) + " has an unknown critical extension"
	case !bytes.Equal(c.RawIssuer, parent.RawSubject) || c.CheckSignatureFrom(parent) != nil:
		return quoted(name) + " is not signed by " + quoted(parent.Subject.CommonName)
	case depth == 0 && (c.IsCA || !c.BasicConstraintsValid || c.KeyUsage&x509.KeyUsageDigitalSignature == 0):
		return quoted(name) + " is not a certificate for signing"
	case depth > 0 && (c.KeyUsage&x509.KeyUsageCRLSign == 0 || c.MaxPathLen >= 0 && c.MaxPathLen < depth-1):
		return quoted(name) + " may not sign what it signs"
	case a.now.Before(c.NotBefore) || a.now.After(c.NotAfter):
		return quoted(name) + " is not valid at " + a.now.UTC().Format(time.RFC3339)
	}
	return ""
}

func named(c *x509.Certificate, suffix string) bool {
	return strings.HasSuffix(c.Subject.CommonName, suffix)
}
