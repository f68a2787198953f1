package dcap

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"time"
)

// maxCRLSize bounds a revocation list. Intel's have a few kilobytes. Parsed, a
// list of many entries takes thirty times its size.
const maxCRLSize = 1 << 20

// parseCRL parses a revocation list in DER, in PEM, or in the hexadecimal DER
// that caching services hand out.
func parseCRL(what string, b []byte) (*x509.RevocationList, error) {
	if len(b) == 0 {
		return nil, collateral("SGX_CRL_UNSUPPORTED_FORMAT", "the %s revocation list is missing: fetch the collateral again", what)
	}
	if len(b) > maxCRLSize {
		return nil, collateral("SGX_CRL_UNSUPPORTED_FORMAT", "the %s revocation list has more than %d bytes", what, maxCRLSize)
	}
	crl, err := x509.ParseRevocationList(crlDER(b))
	if err != nil {
		return nil, collateral("SGX_CRL_UNSUPPORTED_FORMAT", "the %s revocation list cannot be read: fetch the collateral again", what)
	}
	return crl, nil
}

func crlDER(b []byte) []byte {
	if block, rest := pem.Decode(b); block != nil && block.Type == "X509 CRL" && len(bytes.TrimSpace(rest)) == 0 {
		return block.Bytes
	}
	text := bytes.TrimSpace(b)
	der := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(der, text); err == nil {
		return der
	}
	return b
}

// checkCRL verifies that issuer, itself verified, signed crl and that it
// applies now.
func (a anchor) checkCRL(what string, crl *x509.RevocationList, issuer *x509.Certificate) error {
	switch {
	case !bytes.Equal(crl.RawIssuer, issuer.RawSubject):
		return collateral("CRL_UNKNOWN_ISSUER", "the %s revocation list is not by %s", what, quoted(issuer.Subject.CommonName))
	case crl.CheckSignatureFrom(issuer) != nil:
		return collateral("CRL_INVALID_SIGNATURE", "the %s revocation list is not signed by %s", what, quoted(issuer.Subject.CommonName))
	case anyCritical(crl):
		return collateral("CRL_INVALID_EXTENSIONS", "the %s revocation list has an unknown critical extension", what)
	case crl.NextUpdate.IsZero() || a.now.Before(crl.ThisUpdate) || a.now.After(crl.NextUpdate):
		return collateral("CRL_EXPIRED", "the %s revocation list is of %s and valid until %s: fetch the collateral again",
			what, crl.ThisUpdate.Format(time.RFC3339), crl.NextUpdate.Format(time.RFC3339))
	}
	return nil
}

func anyCritical(crl *x509.RevocationList) bool {
	critical := func(extensions []pkix.Extension) bool {
		for _, e := range extensions {
			if e.Critical {
				return true
			}
		}
		return false
	}
	for _, entry := range crl.RevokedCertificateEntries {
		if critical(entry.Extensions) {
			return true
		}
	}
	return critical(crl.Extensions)
}

func revokes(crl *x509.RevocationList, cert *x509.Certificate) bool {
	for _, entry := range crl.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return true
		}
	}
	return false
}
