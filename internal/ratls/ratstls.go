package ratls

import (
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

const errNotRSA = unbound("ratls: the certificate's key is not RSA, and rats-tls evidence names no other")

// ratsTLS is the form of Intel's first RA-TLS, of enclave-tls and of rats-tls
// before it took that of [DICE]: the quote alone, and
//
//	report data = SHA-256(RSAPublicKey of PKCS #1), 32 zero bytes
type ratsTLS struct{}

func (ratsTLS) name() (string, string) { return "rats-tls", "rats-tls" }

func (ratsTLS) oids() []asn1.ObjectIdentifier { return []asn1.ObjectIdentifier{oidQuote()} }

func (ratsTLS) reportData(spki []byte) (data [64]byte, err error) {
	key, ok := rsaKey(spki)
	if !ok {
		return data, errNotRSA
	}
	return hashed(key), nil
}

func (ratsTLS) encode(_, quote []byte) []byte { return quote }

func (t ratsTLS) decode(value, spki []byte) (quote []byte, data [64]byte, err error) {
	if !fits(value) {
		return nil, data, errQuote
	}
	data, err = t.reportData(spki)
	if err != nil {
		return nil, data, err
	}
	return value, data, nil
}

// They are valid for ten years, and signed with SHA-1.
func (ratsTLS) frame() Frame { return Frame{MaxLife: 10 * year, RSA: true, SHA1: true} }

// rsaKey is the content of the bit string in spki, as received.
func rsaKey(spki []byte) (key []byte, ok bool) {
	var outer, algorithm cryptobyte.String
	var id asn1.ObjectIdentifier
	s := cryptobyte.String(spki)
	ok = s.ReadASN1(&outer, tag.SEQUENCE) &&
		s.Empty() &&
		outer.ReadASN1(&algorithm, tag.SEQUENCE) &&
		algorithm.ReadASN1ObjectIdentifier(&id) &&
		id.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}) &&
		outer.ReadASN1BitStringAsBytes(&key) &&
		outer.Empty()
	if !ok {
		return nil, false
	}
	_, err := x509.ParsePKCS1PublicKey(key)
	return key, err == nil
}
