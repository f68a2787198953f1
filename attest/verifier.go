package attest

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// A Verifier verifies evidence. The zero Verifier trusts nobody, because its
// Policy does not. A Verifier is not changed by use and safe for concurrent
// use.
type Verifier struct {
	// Policy says which enclaves are trusted.
	Policy Policy
	// Root replaces Intel's SGX root; it is never added to it. Only its public
	// key counts. If nil, Intel's, which refuses every simulated platform.
	Root *x509.Certificate
	// Collateral is where revocation lists and TCB judgements come from. If
	// nil, Intel's service, asked at each verification.
	Collateral Source
	// Time is the clock. If nil, [time.Now]. Inside an enclave the clock is
	// the host's, who can keep expired collateral alive by setting it back.
	Time func() time.Time
}

// Verify returns what quote says if it is genuine, carries exactly data, and
// is of an enclave that the policy trusts. The quote may stand behind an Open
// Enclave header, as EGo makes it.
//
// Data is [ReportData] of the purpose the quote was made for, or what another
// protocol defines.
func (v *Verifier) Verify(ctx context.Context, quote []byte, data [64]byte) (*Report, error) {
	r, err := v.Authenticate(ctx, quote)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(r.Data[:], data[:]) != 1 {
		return nil, fail(ErrForged, "the quote was made for something else: its report data differ")
	}
	if err := v.Policy.Check(r); err != nil {
		return nil, err
	}
	return r, nil
}

// Authenticate returns what a genuine quote says. Neither its report data nor
// the policy has been looked at: anybody can have a genuine quote of an enclave
// of their own, and anybody can replay an old one. It is for tools that show
// quotes, and for those who bring a policy of another kind.
func (v *Verifier) Authenticate(ctx context.Context, quote []byte) (*Report, error) {
	q, pck, err := parse(quote)
	if err != nil {
		return nil, err
	}
	collateral, err := v.collateral(ctx, Subject{FMSPC: pck.Platform.FMSPC, CA: pck.Issuer()})
	if err != nil {
		return nil, err
	}
	verdict, err := dcap.Verify(q, pck, dcap.Collateral(*collateral), v.root(), v.now())
	if err != nil {
		return nil, fmt.Errorf("attest: %w", err)
	}
	return newReport(verdict), nil
}

func (v *Verifier) collateral(ctx context.Context, s Subject) (*Collateral, error) {
	source := v.Collateral
	if source == nil {
		source = &PCS{}
	}
	c, err := source.Collateral(ctx, s)
	if err == nil && c == nil {
		return nil, fail(ErrCollateral, "the source has none for platforms %x", s.FMSPC)
	}
	return c, err
}

func (v *Verifier) root() []byte {
	if v.Root == nil {
		return dcap.IntelRoot()
	}
	return v.Root.RawSubjectPublicKeyInfo
}

func (v *Verifier) now() time.Time {
	if v.Time == nil {
		return time.Now()
	}
	return v.Time()
}
