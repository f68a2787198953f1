package attest

import (
	"crypto/sha256"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// Quote is what a quote claims. Nothing in it has been verified: it is for
// looking at, and for knowing what to ask for. [Verifier.Verify] returns a
// [Report].
type Quote struct {
	Version uint16
	Identity
	Data [64]byte
	// Platform and Root are those of the certificates it brings.
	Platform Platform
	Root     [32]byte
}

// ParseQuote reads a quote, bare or behind an Open Enclave header, and the
// certificate chain it brings.
func ParseQuote(b []byte) (*Quote, error) {
	q, pck, err := parse(b)
	if err != nil {
		return nil, err
	}
	return &Quote{
		Version:  q.Version,
		Identity: identity(&q.Body),
		Data:     q.Body.ReportData,
		Platform: platform(&pck.Platform),
		Root:     sha256.Sum256(pck.Root.RawSubjectPublicKeyInfo),
	}, nil
}

func parse(b []byte) (*dcap.Quote, *dcap.PCKChain, error) {
	if kind, body, err := oe.ParseReport(b); err == nil {
		if kind != oe.Remote {
			return nil, nil, fail(ErrUnsupported, "a local report: only the enclave it was made for can verify it")
		}
		b = body
	}
	q, err := dcap.ParseQuote(b)
	if err != nil {
		return nil, nil, fmt.Errorf("attest: %w", err)
	}
	pck, err := q.PCK()
	if err != nil {
		return nil, nil, fmt.Errorf("attest: %w", err)
	}
	return q, pck, nil
}
