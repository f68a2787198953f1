package ratls

import (
	"encoding/asn1"
	"errors"
)

var errQuote = errors.New("ratls: evidence is not a quote (1020 bytes to 16 KiB)")

// oidQuote is Intel's for a quote in a certificate.
func oidQuote() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113741, 1337, 6}
}

// gramine is the form of Gramine before version 1.8, which later ones write
// beside the form of [DICE]: the quote alone, and
//
//	report data = SHA-256(DER of the public key), 32 zero bytes
//
// What Gramine means to write as the object identifier becomes another one: the
// encoding of the whole, with type and length, is the content of the encoding.
// Intel's own spelling is read too, and written.
type gramine struct{}

func (gramine) name() (string, string) { return "Gramine", "gramine" }

func (gramine) oids() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{oidQuote(), {0, 6, 9, 42, 840, 113741, 1337, 6}}
}

func (gramine) reportData(spki []byte) ([64]byte, error) { return hashed(spki), nil }

func (gramine) encode(_, quote []byte) []byte { return quote }

func (gramine) decode(value, spki []byte) (quote []byte, data [64]byte, err error) {
	if !fits(value) {
		return nil, data, errQuote
	}
	return value, hashed(spki), nil
}

// They are valid from 2001 to 2030.
func (gramine) frame() Frame { return Frame{MaxLife: 30 * year} }
