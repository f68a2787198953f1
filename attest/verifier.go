package attest

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// A Verifier verifies evidence. The zero Verifier trusts nobody, because its
// Policy does not. Its fields are not changed by use, and it is safe for
// concurrent use: make one and keep it, for it remembers which certificates and
// documents have good signatures, and verifies only the rest of each quote.
type Verifier struct {
	// Policy says which enclaves are trusted.
	Policy Policy
	// Root replaces Intel's SGX root; it is never added to it. Only its public
	// key counts. If nil, Intel's, which refuses every simulated platform.
	Root *x509.Certificate
	// Collateral is where revocation lists and TCB judgements come from. If
	// nil, a [Cache] of the verifier's own before Intel's service.
	Collateral Source
	// PCK finds the certificates of quotes that only name them. If nil, such
	// quotes are refused with ErrUnsupported.
	PCK PCKSource
	// AllowZeroPadding accepts zeros behind a quote, as in files that have the
	// size of somebody's buffer. Nothing signs how many there are.
	AllowZeroPadding bool
	// Time is the clock. If nil, [time.Now]. A Verifier does not follow it back
	// beyond the latest time at which something has verified, nor collateral to
	// an older evaluation than has been used. Inside an enclave the clock is the
	// host's: see [Policy.MinEvaluation] for what it can do at the start.
	Time func() time.Time

	clock     clock
	memory    dcap.Memory
	documents documents
	own       ownCache
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
	if err := r.carries(data); err != nil {
		return nil, err
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
	verdict, now, err := v.authenticate(ctx, quote, SGX)
	if err != nil {
		return nil, err
	}
	return newReport(verdict, now), nil
}

// AuthenticateTD returns what the genuine quote of a TDX trust domain says. No
// policy applies, and its report data have not been looked at. The quote of an
// enclave is ErrUnsupported, as a trust domain's is everywhere else.
func (v *Verifier) AuthenticateTD(ctx context.Context, quote []byte) (*TDReport, error) {
	verdict, now, err := v.authenticate(ctx, quote, TDX)
	if err != nil {
		return nil, err
	}
	return newTDReport(verdict, now), nil
}

// authenticate verifies the quote of one kind of TEE, and returns when it has.
func (v *Verifier) authenticate(ctx context.Context, quote []byte, tee TEE) (*dcap.Verdict, time.Time, error) {
	quote = bytes.Clone(quote) // whoever else has it may change it while collateral is fetched
	if v.AllowZeroPadding {
		quote = unpadded(quote)
	}
	q, err := parseOf(tee, quote)
	if err != nil {
		return nil, time.Time{}, err
	}
	pck, err := v.pck(ctx, q)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := v.memory.ProveChain(pck, v.root()); err != nil {
		return nil, time.Time{}, refused(err)
	}
	source, subject := v.source(), Subject{FMSPC: pck.Platform.FMSPC, CA: pck.Issuer(), TEE: tee}
	collateral, err := collateralOf(ctx, source, subject)
	if err != nil {
		return nil, time.Time{}, err
	}
	verdict, now, err := v.judge(q, pck, collateral)
	if errors.Is(err, ErrCollateral) {
		if other, ok := renewed(ctx, source, subject, collateral); ok {
			verdict, now, err = v.judge(q, pck, other)
		}
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	return verdict, now, nil
}

func (v *Verifier) judge(q *dcap.Quote, pck *dcap.PCKChain, c *Collateral) (*dcap.Verdict, time.Time, error) {
	documents, err := v.documents.parse(c)
	if err != nil {
		return nil, time.Time{}, err
	}
	now := v.now()
	verdict, err := v.memory.Verify(q, pck, documents, v.root(), now, v.Policy.grace())
	if err != nil {
		return nil, time.Time{}, refused(err)
	}
	if err := v.clock.saw(verdict, TEE(q.TEE), now); err != nil {
		return nil, time.Time{}, err
	}
	return verdict, now, nil
}

func collateralOf(ctx context.Context, source Source, s Subject) (*Collateral, error) {
	c, err := source.Collateral(ctx, s)
	if err != nil {
		return nil, because(ErrCollateral, err)
	}
	if c == nil {
		return nil, fail(ErrCollateral, "the source has none for platforms %x", s.FMSPC)
	}
	return c, nil
}

func (v *Verifier) root() []byte {
	if v.Root == nil {
		return dcap.IntelRoot()
	}
	return v.Root.RawSubjectPublicKeyInfo
}

func (v *Verifier) now() time.Time {
	if v.Time == nil {
		return v.clock.now(time.Now())
	}
	return v.clock.now(v.Time())
}
