package attest

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// crlPEM is the type of PEM block that has a revocation list.
const crlPEM = "X509 CRL"

// crlDER returns a revocation list as DER, whether it is DER, PEM, hexadecimal
// or base64. A list begins with 0x30, so that none can be taken for another.
func crlDER(b []byte) ([]byte, bool) {
	text := bytes.TrimSpace(b)
	switch {
	case bytes.HasPrefix(b, []byte{0x30, 0x80}) || len(b) > 1 && b[0] == 0x30 && b[1] > 0x80:
		return b, true
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		block, rest := pem.Decode(text)
		if block == nil || block.Type != crlPEM || len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
			return nil, false
		}
		return block.Bytes, true
	case bytes.HasPrefix(text, []byte("30")):
		der, err := hex.AppendDecode(nil, text)
		return der, err == nil
	}
	der, err := base64.StdEncoding.AppendDecode(nil, text)
	return der, err == nil && len(der) > 0 && der[0] == 0x30
}

var errList = errors.New("it is not an X.509 revocation list")

// maxNameSize bounds an issuer's name, which takes much more when parsed.
const maxNameSize = 4 << 10

// read reads RFC 5280's CertificateList up to its entries, which it counts.
func (l *ListOutline) read(b []byte) error {
	if len(b) > maxCollateralSize {
		return errTooLarge
	}
	der, ok := crlDER(b)
	if !ok {
		return errList
	}
	s := cryptobyte.String(der)
	var list, tbs, issuer cryptobyte.String
	if !s.ReadASN1(&list, cryptobyte_asn1.SEQUENCE) || !s.Empty() ||
		!list.ReadASN1(&tbs, cryptobyte_asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(cryptobyte_asn1.INTEGER) || // version
		!tbs.SkipASN1(cryptobyte_asn1.SEQUENCE) || // signature algorithm
		!tbs.ReadASN1Element(&issuer, cryptobyte_asn1.SEQUENCE) || !l.readIssuer(issuer) ||
		!readTime(&tbs, &l.Issued) || !readTime(&tbs, &l.NextUpdate) || !l.count(&tbs) {
		return errList
	}
	return l.check()
}

func (l *ListOutline) readIssuer(der []byte) bool {
	var names pkix.RDNSequence
	if len(der) > maxNameSize {
		return false
	}
	rest, err := asn1.Unmarshal(der, &names)
	var name pkix.Name
	name.FillFromRDNSequence(&names)
	l.Issuer = name.CommonName
	return err == nil && len(rest) == 0
}

func (l *ListOutline) count(s *cryptobyte.String) bool {
	var entries cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&entries, &present, cryptobyte_asn1.SEQUENCE) {
		return false
	}
	for !entries.Empty() {
		if !entries.SkipASN1(cryptobyte_asn1.SEQUENCE) {
			return false
		}
		l.Revoked++
	}
	return true
}

// readTime reads a time in either of the forms of RFC 5280.
func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(cryptobyte_asn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}
