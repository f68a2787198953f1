package ratls

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
)

var (
	errOEEvidence = errors.New("ratls: evidence is not Open Enclave's (version 3) of an SGX quote (1020 bytes to 16 KiB) and claims")
	errOEClaims   = unbound("ratls: the claims in the Open Enclave evidence are not the certificate's key")
)

// openEnclaveReport is the older form of Open Enclave's certificates, of
// oe_generate_attestation_certificate: a report, and
//
//	report data = SHA-256(PEM of the public key, zero byte), 32 zero bytes
type openEnclaveReport struct{}

func (openEnclaveReport) name() (string, string) { return "Open Enclave report", "oe-report" }

func (openEnclaveReport) oids() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 105, 1}, {1, 2, 840, 113556, 10, 1, 1}}
}

func (openEnclaveReport) reportData(spki []byte) ([64]byte, error) { return hashed(keyText(spki)), nil }

func (openEnclaveReport) encode(_, quote []byte) []byte { return oe.Report(quote, true) }

func (openEnclaveReport) decode(value, spki []byte) (quote []byte, data [64]byte, err error) {
	quote, err = decodeReport(value)
	if err != nil {
		return nil, data, err
	}
	return quote, hashed(keyText(spki)), nil
}

// EGo makes them too, with dates of its own.
func (openEnclaveReport) frame() Frame {
	f := openEnclaveFrame()
	f.Undated = undatedLife
	return f
}

// openEnclaveEvidence is the newer form, of
// oe_get_attestation_certificate_with_evidence: a quote with the text of the
// key behind it, and
//
//	report data = SHA-256(that text), 32 zero bytes
type openEnclaveEvidence struct{}

func (openEnclaveEvidence) name() (string, string) { return "Open Enclave evidence", "oe-evidence" }

func (openEnclaveEvidence) oids() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 105, 2}, {1, 2, 840, 113556, 10, 1, 2}}
}

func (openEnclaveEvidence) reportData(spki []byte) ([64]byte, error) {
	return hashed(keyText(spki)), nil
}

func (openEnclaveEvidence) encode(spki, quote []byte) []byte {
	return oe.Evidence(oe.FormatECDSA, append(bytes.Clone(quote), keyText(spki)...))
}

func (openEnclaveEvidence) decode(value, spki []byte) (quote []byte, data [64]byte, err error) {
	format, body, err := oe.ParseEvidence(value)
	if err != nil || format != oe.FormatECDSA {
		return nil, data, errOEEvidence
	}
	n, ok := dcap.Size(body)
	if !ok || !fits(body[:n]) {
		return nil, data, errOEEvidence
	}
	text := keyText(spki)
	if !bytes.Equal(body[n:], text) {
		return nil, data, errOEClaims
	}
	return body[:n:n], hashed(text), nil
}

func (openEnclaveEvidence) frame() Frame { return openEnclaveFrame() }

// openEnclaveFrame: they are valid from May 2019 to the end of 2050, whenever
// they are made.
func openEnclaveFrame() Frame { return Frame{MaxLife: 32 * year, RSA: true} }

// keyText is a public key as Open Enclave hashes it: a C string.
func keyText(spki []byte) []byte {
	return append(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0)
}
