package attest

import (
	"context"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// PCKID names the certificate of a platform's provisioning certification key
// (PCK), in the terms in which Intel's service is asked for it. Quotes of some
// quoting enclaves carry it in the place of the certificate.
type PCKID struct {
	QEID   [16]byte // of the quoting enclave on its machine
	PPID   []byte   // 16 bytes in clear, or 256 or 384 encrypted for Intel
	CPUSVN [16]byte
	PCESVN uint16
	PCEID  [2]byte
}

// A PCKSource finds certificates by name, such as in a database of one's own
// machines. It need not be trusted: what it returns is verified.
type PCKSource interface {
	// PCK returns the certificate with its issuers in PEM, 32 KiB at most.
	PCK(context.Context, PCKID) (chain []byte, err error)
}

// pck returns the chain that a quote brings, or that the source has for it.
func (v *Verifier) pck(ctx context.Context, q *dcap.Quote) (*dcap.PCKChain, error) {
	if v.PCK != nil && q.NeedsPCK() {
		return v.findPCK(ctx, q)
	}
	pck, err := v.memory.PCK(q)
	if err != nil {
		return nil, refused(err)
	}
	return pck, nil
}

func (v *Verifier) findPCK(ctx context.Context, q *dcap.Quote) (*dcap.PCKChain, error) {
	id, err := q.PCKID()
	if err != nil {
		return nil, refused(err)
	}
	chain, err := v.PCK.PCK(ctx, PCKID(id))
	if err != nil {
		return nil, because(ErrCollateral, err)
	}
	pck, err := dcap.ParsePCKChain(chain)
	if err != nil {
		return nil, because(ErrCollateral, err)
	}
	return pck, nil
}
