package attest

import (
	"crypto/sha256"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// Quote is what an enclave's quote claims. Nothing in it has been verified: it
// is for looking at, and for knowing what to ask for. [Verifier.Verify]
// returns a [Report].
type Quote struct {
	Version uint16
	Identity
	Details
	Data [64]byte

	quote *dcap.Quote
}

// ParseQuote reads a quote, bare or behind an Open Enclave header. It copies
// nothing of what it does not report, and leaves the certificates alone until
// [Quote.Origin] is asked for. A trust domain's quote is [ErrUnsupported].
func ParseQuote(b []byte) (*Quote, error) {
	q, err := parseOf(SGX, b)
	if err != nil {
		return nil, err
	}
	return &Quote{
		Version:  q.Version,
		Identity: identity(&q.Body),
		Details:  details(&q.Body),
		Data:     q.Body.ReportData,
		quote:    q,
	}, nil
}

// Origin returns the platform and the SHA-256 of the root's public key that
// the certificates in the quote claim. It fails with [ErrUnsupported] where
// the quote does not bring its certificates.
func (q *Quote) Origin() (Platform, [32]byte, error) { return origin(q.quote) }

func origin(q *dcap.Quote) (Platform, [32]byte, error) {
	pck, err := q.PCK()
	if err != nil {
		return Platform{}, [32]byte{}, refused(err)
	}
	return platform(&pck.Platform), sha256.Sum256(pck.Root.RawSubjectPublicKeyInfo), nil
}

// parseOf parses a quote of one kind of TEE. Who verifies enclaves never sees
// what only trust domains have, nor the reverse.
func parseOf(tee TEE, b []byte) (*dcap.Quote, error) {
	q, err := parse(b)
	switch {
	case err != nil:
		return nil, err
	case TEE(q.TEE) == tee:
		return q, nil
	case tee == SGX:
		return nil, fail(ErrUnsupported, "this is the quote of a TDX trust domain, which is no enclave: for those there is AuthenticateTD")
	}
	return nil, fail(ErrUnsupported, "this is the quote of an SGX enclave, which is no trust domain: for those there is Authenticate")
}

// parse takes the headers off and parses the quote.
func parse(b []byte) (*dcap.Quote, error) {
	b, claims, err := unwrap(b)
	if err != nil {
		return nil, err
	}
	q, err := dcap.ParseQuote(b)
	if err != nil {
		return nil, refused(err)
	}
	if claims != nil && reportData(q) != claimed(claims) {
		return nil, fail(ErrForged, "the claims in the Open Enclave evidence are not those the quote was made for")
	}
	return q, nil
}

// unwrap takes an Open Enclave header off, if there is one. Its evidence has
// claims behind the quote, without a length of their own.
func unwrap(b []byte) (quote, claims []byte, err error) {
	if kind, body, err := oe.ParseReport(b); err == nil {
		if kind != oe.Remote {
			return nil, nil, fail(ErrUnsupported, "a local report: only the enclave it was made for can verify it")
		}
		return body, nil, nil
	}
	format, body, err := oe.ParseEvidence(b)
	switch {
	case err != nil:
		return b, nil, nil
	case format == oe.FormatRawQuote:
		return body, nil, nil
	case format != oe.FormatECDSA:
		return nil, nil, fail(ErrUnsupported, "Open Enclave evidence of format %x", format)
	}
	if n, ok := dcap.Size(body); ok && n < len(body) {
		return body[:n], body[n:], nil
	}
	return body, nil, nil
}

// claimed is the report data of a quote made for claims.
func claimed(claims []byte) (data [64]byte) {
	h := sha256.Sum256(claims)
	copy(data[:], h[:])
	return data
}

func reportData(q *dcap.Quote) [64]byte {
	if q.TD != nil {
		return q.TD.ReportData
	}
	return q.Body.ReportData
}

// unpadded takes off zeros behind the quote that b is, or that the body of an
// Open Enclave report is. Anything else is left to be refused.
func unpadded(b []byte) []byte {
	quote := b
	if kind, body, err := oe.ParseReport(b); err == nil && kind == oe.Remote {
		quote = body
	}
	n, ok := dcap.Size(quote)
	if !ok {
		return b
	}
	for _, padding := range quote[n:] {
		if padding != 0 {
			return b
		}
	}
	return quote[:n]
}
