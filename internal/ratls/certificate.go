package ratls

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
)

// ErrForeign is evidence in a format that this package does not read.
var ErrForeign = errors.New("ratls: evidence in another format")

var (
	errNone      = errors.New("ratls: the certificate has no attestation evidence (extension 2.23.133.5.4.9)")
	errDuplicate = errors.New("ratls: the certificate has attestation evidence twice")
)

// Evidence is the value of the one extension of cert that has the evidence,
// critical or not. Certificates with any other critical extension that
// crypto/x509 does not know are refused. Evidence in other formats is ignored
// beside this one, and named in the error if it is alone.
//
// Nothing of cert is verified, neither its signature nor its validity.
func Evidence(cert *x509.Certificate) ([]byte, error) {
	if err := checkCritical(cert.UnhandledCriticalExtensions); err != nil {
		return nil, err
	}
	var found [][]byte
	for _, e := range cert.Extensions {
		if e.Id.Equal(OID()) {
			found = append(found, e.Value)
		}
	}
	switch len(found) {
	case 0:
		return nil, none(cert)
	case 1:
		return found[0], nil
	}
	return nil, errDuplicate
}

func checkCritical(unhandled []asn1.ObjectIdentifier) error {
	for _, id := range unhandled {
		if !id.Equal(OID()) {
			return fmt.Errorf("ratls: the certificate has an unknown critical extension (%.64s)", id)
		}
	}
	return nil
}

// none says why a certificate without the extension is of no use.
func none(cert *x509.Certificate) error {
	var others []string
	for _, e := range cert.Extensions {
		if name := foreign(e.Id.String()); name != "" {
			others = append(others, fmt.Sprintf("%s (%v)", name, e.Id))
		}
	}
	if others == nil {
		return errNone
	}
	return foreignError("ratls: the certificate has " + strings.Join(others, ", ") + "; only TCG DICE / CCC evidence (" + OID().String() + ") is accepted")
}

// A foreignError names the formats that were found.
type foreignError string

func (e foreignError) Error() string { return string(e) }

func (e foreignError) Is(target error) bool { return target == ErrForeign }

// foreign names extensions that have evidence in formats this package does
// not read.
func foreign(id string) string {
	switch id {
	case "1.3.6.1.4.1.311.105.1":
		return "an Open Enclave or EGo report"
	case "1.3.6.1.4.1.311.105.2":
		return "Open Enclave evidence"
	case "1.2.840.113556.10.1.1", "1.2.840.113556.10.1.2":
		return "early Open Enclave evidence"
	case "1.2.840.113741.1337.6":
		return "an Intel RA-TLS quote"
	case "0.6.9.42.840.113741.1337.6": // as Gramine writes it: a TLV as the content of another
		return "a Gramine RA-TLS quote"
	case "1.2.840.113741.1.13.1":
		return "an Intel SGX SDK quote (or PCK extension)"
	case "1.3.6.1.5.5.7.1.35":
		return "an IETF conceptual message wrapper"
	}
	return ""
}
