package ratls

import (
	"encoding/asn1"
	"errors"
)

// tagQuote is registered with IANA for an SGX or TDX quote signed with ECDSA.
const tagQuote = 60000

var errEvidence = errors.New("ratls: evidence is not CBOR tag 60000 of a quote (1020 bytes to 16 KiB) and claims (at most 4 KiB)")

// OID is 2.23.133.5.4.9, TCG DICE's conceptual message wrapper.
func OID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 23, 133, 5, 4, 9} }

// dice is the form on which TCG DICE and the CCC agree:
//
//	60000([quote, claims])
//	claims      = {"pubkey-hash": bytes of [algorithm, hash], …}
//	report data = SHA-256(claims), 32 zero bytes
type dice struct{}

func (dice) name() (string, string) { return "TCG DICE / CCC", "dice" }

func (dice) oids() []asn1.ObjectIdentifier { return []asn1.ObjectIdentifier{OID()} }

func (dice) reportData(spki []byte) ([64]byte, error) { return ReportData(Claims(spki)), nil }

func (dice) encode(spki, quote []byte) []byte { return Encode(quote, Claims(spki)) }

func (dice) decode(value, spki []byte) (quote []byte, data [64]byte, err error) {
	quote, claims, err := Decode(value)
	if err != nil {
		return nil, data, err
	}
	if err := CheckClaims(claims, spki); err != nil {
		return nil, data, err
	}
	return quote, ReportData(claims), nil
}

// Gramine's are valid from 2001 to 2030.
func (dice) frame() Frame { return Frame{MaxLife: 30 * year} }

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
		!fits(quote) || len(claims) > maxClaimsSize {
		return nil, nil, errEvidence
	}
	return quote, claims, nil
}
