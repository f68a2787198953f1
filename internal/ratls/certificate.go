package ratls

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
)

// maxEvidence bounds what a certificate can have verified. Gramine's have two,
// and those for clients of every kind four.
const maxEvidence = 4

// ErrNone is a certificate without any evidence, in a dialect or not.
var ErrNone = errors.New("ratls: the certificate has no attestation evidence")

var (
	errDuplicate = errors.New("ratls: the certificate has attestation evidence twice in one form")
	errTooMuch   = fmt.Errorf("ratls: the certificate has attestation evidence in more than %d forms", maxEvidence)
	errCopy      = unbound("ratls: the certificate has an Intel SGX SDK quote (1.2.840.113741.1.13.1) that is none of its others; by itself it says nothing of the key")
)

// Evidence is one extension of a certificate that has a quote.
type Evidence struct {
	OID   asn1.ObjectIdentifier
	Quote []byte // not verified; its memory is the certificate's
	// Bindings are the dialects it may be in, at least one. It is in the one
	// whose data are the quote's report data.
	Bindings []Binding
}

// Binding is what a quote must carry, all 64 bytes, to speak for the
// certificate's key in a dialect.
type Binding struct {
	Dialect Dialect
	Data    [64]byte
}

// Read returns all evidence in cert that is in a known dialect, in the order in
// which it is there. That in other formats is ignored beside it, and named in
// the error if it is alone. Certificates with a critical extension that neither
// crypto/x509 nor this package knows are refused.
//
// Nothing of cert is verified: not its signature, its dates, or a quote.
func Read(cert *x509.Certificate) ([]Evidence, error) {
	extensions, err := known(cert)
	if err != nil {
		return nil, err
	}
	var all []Evidence
	for _, e := range extensions {
		evidence, err := read(e, cert.RawSubjectPublicKeyInfo)
		if err != nil {
			return nil, err
		}
		all = append(all, evidence)
	}
	if !copies(cert.Extensions, all) {
		return nil, errCopy
	}
	return all, nil
}

// known are the extensions that have evidence in a dialect, each once.
func known(cert *x509.Certificate) ([]pkix.Extension, error) {
	if err := checkCritical(cert.UnhandledCriticalExtensions); err != nil {
		return nil, err
	}
	var all []pkix.Extension
	for _, e := range cert.Extensions {
		if len(sharing(e.Id)) == 0 {
			continue
		}
		for _, other := range all {
			if other.Id.Equal(e.Id) {
				return nil, errDuplicate
			}
		}
		all = append(all, e)
	}
	switch {
	case len(all) == 0:
		return nil, nothing(cert)
	case len(all) > maxEvidence:
		return nil, errTooMuch
	}
	return all, nil
}

// sharing are the dialects that have evidence in an extension.
func sharing(id asn1.ObjectIdentifier) (all []Dialect) {
	for _, d := range Dialects() {
		if d.has(id) {
			all = append(all, d)
		}
	}
	return all
}

func checkCritical(unhandled []asn1.ObjectIdentifier) error {
	for _, id := range unhandled {
		if len(sharing(id)) == 0 {
			return fmt.Errorf("ratls: the certificate has an unknown critical extension (%.64s)", id)
		}
	}
	return nil
}

// read reads one extension in each dialect it may be in. Its error is that of
// the first, if it is in none.
func read(e pkix.Extension, spki []byte) (Evidence, error) {
	found := Evidence{OID: e.Id}
	var first error
	for _, d := range sharing(e.Id) {
		quote, data, err := d.form().decode(e.Value, spki)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		found.Quote, found.Bindings = quote, append(found.Bindings, Binding{d, data})
	}
	if found.Bindings == nil {
		return Evidence{}, first
	}
	return found, nil
}

// oidSDK is where the Intel SGX SDK repeats the quote of its other evidence.
func oidSDK() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1}
}

// copies reports whether every quote in the SDK's extension is that of other
// evidence, and so verified with it.
func copies(extensions []pkix.Extension, all []Evidence) bool {
	for _, e := range extensions {
		if !e.Id.Equal(oidSDK()) {
			continue
		}
		repeated := false
		for _, evidence := range all {
			repeated = repeated || bytes.Equal(evidence.Quote, e.Value)
		}
		if !repeated {
			return false
		}
	}
	return true
}

// nothing says why a certificate without evidence in a dialect is of no use.
func nothing(cert *x509.Certificate) error {
	var others []string
	for _, e := range cert.Extensions {
		switch {
		case e.Id.Equal(oidSDK()):
			others = append(others, fmt.Sprintf("an Intel SGX SDK quote or PCK extension (%v), which says nothing of the key", e.Id))
		case e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 35}):
			others = append(others, fmt.Sprintf("an IETF conceptual message wrapper (%v), which is not read", e.Id))
		}
	}
	if others == nil {
		return ErrNone
	}
	return foreign("ratls: the certificate has only " + strings.Join(others, ", and "))
}
