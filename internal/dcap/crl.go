package dcap

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"time"
)

// maxCRLSize bounds a revocation list. Intel's have a few kilobytes. Parsed, a
// list of many entries takes thirty times its size.
const maxCRLSize = 1 << 20

// A crl is a revocation list, made for looking things up.
type crl struct {
	*x509.RevocationList
	what    string
	serials []*big.Int // of what is revoked, sorted
}

// parseCRL parses a revocation list in DER, in PEM, or in the hexadecimal DER
// that caching services hand out.
func parseCRL(what string, b []byte) (*crl, error) {
	if len(b) == 0 {
		return nil, collateral("SGX_CRL_UNSUPPORTED_FORMAT", "the %s revocation list is missing: fetch the collateral again", what)
	}
	if len(b) > maxCRLSize {
		return nil, collateral("SGX_CRL_UNSUPPORTED_FORMAT", "the %s revocation list has more than %d bytes", what, maxCRLSize)
	}
	list, err := x509.ParseRevocationList(bytes.Clone(crlDER(b)))
	if err != nil {
		return nil, collateral("SGX_CRL_UNSUPPORTED_FORMAT", "the %s revocation list cannot be read: fetch the collateral again", what)
	}
	c := &crl{list, what, make([]*big.Int, 0, len(list.RevokedCertificateEntries))}
	for _, entry := range list.RevokedCertificateEntries {
		c.serials = append(c.serials, entry.SerialNumber)
	}
	slices.SortFunc(c.serials, (*big.Int).Cmp)
	return c, nil
}

func crlDER(b []byte) []byte {
	text := bytes.TrimSpace(b)
	if der, rest, ok := cutPEM(text, "X509 CRL"); ok && len(rest) == 0 {
		return der
	}
	der := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(der, text); err == nil {
		return der
	}
	return b
}

// by verifies that the list names issuer.
func (c *crl) by(issuer *x509.Certificate) error {
	if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return collateral("CRL_UNKNOWN_ISSUER", "the %s revocation list is not by %s", c.what, quoted(issuer.Subject.CommonName))
	}
	return nil
}

// prove verifies everything about the list that time does not change: that
// issuer, itself verified, signed it, and that it says what it is.
func (c *crl) prove(issuer *x509.Certificate) error {
	if err := c.by(issuer); err != nil {
		return err
	}
	switch {
	case c.Number == nil || len(c.AuthorityKeyId) == 0:
		return collateral("CRL_INVALID_EXTENSIONS", "the %s revocation list lacks its number or its authority's key identifier", c.what)
	case c.SignatureAlgorithm != x509.ECDSAWithSHA256 || c.CheckSignatureFrom(issuer) != nil:
		return collateral("CRL_INVALID_SIGNATURE", "the %s revocation list is not signed by %s", c.what, quoted(issuer.Subject.CommonName))
	case c.anyCritical():
		return collateral("CRL_INVALID_EXTENSIONS", "the %s revocation list has an unknown critical extension", c.what)
	case c.partial():
		return collateral("CRL_INVALID_EXTENSIONS", "the %s revocation list is only a part of one", c.what)
	}
	return nil
}

// inTime verifies that the list applies now.
func (c *crl) inTime(a anchor) error {
	if c.NextUpdate.IsZero() || !a.within(c.ThisUpdate, c.NextUpdate) {
		return collateral("CRL_EXPIRED", "the %s revocation list is of %s and valid until %s: fetch the collateral again",
			c.what, c.ThisUpdate.Format(time.RFC3339), c.NextUpdate.Format(time.RFC3339))
	}
	return nil
}

// within reports whether now is between two times of a document or list, both
// included. Grace is for what is too old; nothing may come from the future.
func (a anchor) within(from, until time.Time) bool {
	return !a.now.Before(from) && !a.now.After(until.Add(max(a.grace, 0)))
}

func (c *crl) anyCritical() bool {
	critical := func(e pkix.Extension) bool { return e.Critical }
	for _, entry := range c.RevokedCertificateEntries {
		if slices.ContainsFunc(entry.Extensions, critical) {
			return true
		}
	}
	return slices.ContainsFunc(c.Extensions, critical)
}

// partial reports whether the list says that it lists not everything revoked:
// what has changed since another (delta CRL indicator), or certificates of one
// kind (issuing distribution point).
func (c *crl) partial() bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 27}) || e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28})
	})
}

func (c *crl) revokes(cert *x509.Certificate) bool {
	_, found := slices.BinarySearchFunc(c.serials, cert.SerialNumber, (*big.Int).Cmp)
	return found
}
