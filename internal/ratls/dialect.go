package ratls

import (
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// Dialect is one form of evidence in certificates, with the one rule by which
// its quote speaks for the certificate's public key. The zero Dialect is none.
//
// EGo and OpenEnclaveReport share an extension and differ in the rule, as do
// Gramine and RATSTLS: which of the two a certificate means, only the quote's
// report data tell.
type Dialect uint8

// The dialects. All hashes are SHA-256, in the first half of report data whose
// second half is zero.
const (
	DICE                Dialect = 1 + iota // the claims, which have the hash of the key
	EGo                                    // the DER of the key
	OpenEnclaveReport                      // the PEM of the key and a zero byte
	OpenEnclaveEvidence                    // the same, which is in the evidence too
	Gramine                                // the DER of the key, before Gramine 1.8
	RATSTLS                                // the RSA key inside that DER
)

// Dialects are all of them.
func Dialects() []Dialect {
	return []Dialect{DICE, EGo, OpenEnclaveReport, OpenEnclaveEvidence, Gramine, RATSTLS}
}

// A form is what dialects differ in. Keys are spki, the DER of a
// SubjectPublicKeyInfo, as it was received.
type form interface {
	// name is for people and key for command lines.
	name() (name, key string)
	// oids are those of the extension. The first is written, all are read.
	oids() []asn1.ObjectIdentifier
	// reportData is what a quote made for the key carries.
	reportData(spki []byte) ([64]byte, error)
	// encode is the value of the extension.
	encode(spki, quote []byte) []byte
	// decode takes it apart, without copying: the quote, and what it must carry
	// to speak for the key.
	decode(value, spki []byte) (quote []byte, data [64]byte, err error)
	// frame is what the certificate may be.
	frame() Frame
}

func (d Dialect) form() form {
	switch d {
	case DICE:
		return dice{}
	case EGo:
		return ego{}
	case OpenEnclaveReport:
		return openEnclaveReport{}
	case OpenEnclaveEvidence:
		return openEnclaveEvidence{}
	case Gramine:
		return gramine{}
	case RATSTLS:
		return ratsTLS{}
	}
	return none{}
}

// String names the dialect for people.
func (d Dialect) String() string {
	name, _ := d.form().name()
	return name
}

// Key is the dialect's name in a word, as on command lines.
func (d Dialect) Key() string {
	_, key := d.form().name()
	return key
}

// ReportData is what a quote must carry, all 64 bytes of it, to speak for the
// public key spki, the DER of a SubjectPublicKeyInfo. It fails for keys that
// the dialect cannot name.
func (d Dialect) ReportData(spki []byte) ([64]byte, error) { return d.form().reportData(spki) }

// Extension is the certificate extension with a quote of the key's report data.
// It is not critical: TLS libraries refuse certificates with critical
// extensions they do not know, and whoever relies on this one looks for it.
func (d Dialect) Extension(spki, quote []byte) (pkix.Extension, error) {
	f := d.form()
	value := f.encode(spki, quote)
	if _, _, err := f.decode(value, spki); err != nil {
		return pkix.Extension{}, err
	}
	return pkix.Extension{Id: f.oids()[0], Value: value}, nil
}

// Frame is what certificates with the dialect's evidence may be.
func (d Dialect) Frame() Frame { return d.form().frame() }

// has reports whether the dialect's evidence is in such extensions.
func (d Dialect) has(id asn1.ObjectIdentifier) bool {
	for _, own := range d.form().oids() {
		if own.Equal(id) {
			return true
		}
	}
	return false
}

// hashed is report data that begin with the hash of b and end in zeros.
func hashed(b []byte) (data [64]byte) {
	sum := sha256.Sum256(b)
	copy(data[:], sum[:])
	return data
}

// Sizes of quotes in bytes. The smallest has a signature section without
// certification data; those with the chain of a PCK certificate are under 5 KB.
const (
	MinQuoteSize = 1020
	MaxQuoteSize = 16 << 10
)

func fits(quote []byte) bool { return len(quote) >= MinQuoteSize && len(quote) <= MaxQuoteSize }

var errNoDialect = errors.New("ratls: no dialect of evidence")

// none is the form of what is no dialect.
type none struct{}

func (none) name() (string, string)                               { return "no dialect", "" }
func (none) oids() []asn1.ObjectIdentifier                        { return nil }
func (none) reportData([]byte) ([64]byte, error)                  { return [64]byte{}, errNoDialect }
func (none) encode(_, _ []byte) []byte                            { return nil }
func (none) decode(_, _ []byte) (q []byte, d [64]byte, err error) { return nil, d, errNoDialect }
func (none) frame() Frame                                         { return Frame{} }
