package ratls

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// tagQuote is registered with IANA for an SGX or TDX quote signed with ECDSA.
const tagQuote = 60000

// Sizes of quotes in bytes. The smallest has a signature section without
// certification data; those with the chain of a PCK certificate are under 5 KB.
const (
	MinQuoteSize = 1020
	MaxQuoteSize = 16 << 10
)

var errEvidence = errors.New("ratls: evidence is not CBOR tag 60000 of a quote (1020 bytes to 16 KiB) and claims (at most 4 KiB)")

// OID is 2.23.133.5.4.9, TCG DICE's conceptual message wrapper.
func OID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 23, 133, 5, 4, 9} }

// Extension is the certificate extension with the evidence. It is not
// critical: TLS libraries refuse certificates with critical extensions they do
// not know, and whoever relies on this one looks for it.
func Extension(quote, claims []byte) pkix.Extension {
	return pkix.Extension{Id: OID(), Value: Encode(quote, claims)}
}

// Encode is the value of the extension.
func Encode(quote, claims []byte) []byte {
	b := appendHead(nil, majorTag, tagQuote)
	b = appendHead(b, majorArray, 2)
	return appendBytes(appendBytes(b, quote), claims)
}

// Decode takes the value of the extension apart, without copying. Neither
// part is checked: see [CheckClaims] and [ReportData].
func Decode(value []byte) (quote, claims []byte, err error) {
	s := cbor(value)
	if !s.exactly(majorTag, tagQuote) ||
		!s.exactly(majorArray, 2) ||
		!s.bytes(&quote) ||
		!s.bytes(&claims) ||
		!s.empty() ||
		len(quote) < MinQuoteSize || len(quote) > MaxQuoteSize || len(claims) > maxClaimsSize {
		return nil, nil, errEvidence
	}
	return quote, claims, nil
}
