package attest

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// A Verifier verifies evidence. The zero Verifier trusts nobody, because its
// Policy does not. Its fields are not changed by use, and it is safe for
// concurrent use: make one and keep it.
//
// It remembers which platforms' certificates and documents have good signatures,
// and verifies only the rest of each quote. Of attested certificates that the
// policy trusts it remembers the whole verdict, some hundred bytes each, and
// gives it again as long as it would reach the same one: for the same bytes, by
// the same root and the same collateral, which it asks its source for each time,
// until the first of them expires. The policy is asked each time. A refusal is
// never remembered, nor that a peer had a certificate's key.
type Verifier struct {
	// Policy says which enclaves are trusted.
	Policy Policy
	// Root replaces Intel's SGX root; it is never added to it. Only its public
	// key counts. If nil, Intel's, which refuses every simulated platform.
	Root *x509.Certificate
	// Dialects are the forms of evidence in certificates that are accepted. If
	// nil, DICE alone.
	Dialects []Dialect
	// MaxLife is for how long a certificate may be valid, in all, and so how long
	// whoever gets hold of its key can use it. If 0, as long as genuine ones of
	// its dialect are, which is years but for EGo's one; 48 hours suit Cleave's.
	MaxLife time.Duration
	// Timeout bounds one verification within a TLS handshake, for which
	// crypto/tls has no context: mostly the wait for collateral. If 0, 30
	// seconds. A Source that ignores its context holds a handshake for as long as
	// it likes. At most 64 certificates are verified at once; others wait, within
	// that time.
	Timeout time.Duration
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
	verdicts  verdicts
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
	j, err := v.authenticate(ctx, quote, SGX)
	if err != nil {
		return nil, err
	}
	return j.report(), nil
}

// AuthenticateTD returns what the genuine quote of a TDX trust domain says. No
// policy applies, and its report data have not been looked at. The quote of an
// enclave is ErrUnsupported, as a trust domain's is everywhere else.
func (v *Verifier) AuthenticateTD(ctx context.Context, quote []byte) (*TDReport, error) {
	j, err := v.authenticate(ctx, quote, TDX)
	if err != nil {
		return nil, err
	}
	return newTDReport(j.verdict, j.at), nil
}

// authenticate verifies the quote of one kind of TEE.
func (v *Verifier) authenticate(ctx context.Context, quote []byte, tee TEE) (*judgement, error) {
	quote = bytes.Clone(quote) // whoever else has it may change it while collateral is fetched
	if v.AllowZeroPadding {
		quote = unpadded(quote)
	}
	q, err := parseOf(tee, quote)
	if err != nil {
		return nil, err
	}
	pck, err := v.pck(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := v.memory.ProveChain(pck, v.root()); err != nil {
		return nil, refused(err)
	}
	source, subject := v.source(), Subject{FMSPC: pck.Platform.FMSPC, CA: pck.Issuer(), TEE: tee}
	collateral, err := collateralOf(ctx, source, subject)
	if err != nil {
		return nil, err
	}
	j, err := v.judge(q, pck, collateral)
	if errors.Is(err, ErrCollateral) {
		if other, ok := renewed(ctx, source, subject, collateral); ok {
			j, err = v.judge(q, pck, other)
		}
	}
	if err != nil {
		return nil, err
	}
	j.tee, j.subject, j.borrowed = tee, subject, q.NeedsPCK()
	return j, nil
}

func (v *Verifier) judge(q *dcap.Quote, pck *dcap.PCKChain, c *Collateral) (*judgement, error) {
	from := *c
	documents, err := v.documents.parse(c)
	if err != nil {
		return nil, err
	}
	now := v.now()
	verdict, err := v.memory.Verify(q, pck, documents, v.root(), now, v.Policy.grace())
	if err != nil {
		return nil, refused(err)
	}
	if q.TD == nil && q.Body.Attributes.Flags&sgx.FlagInit == 0 {
		return nil, fail(ErrForged, "the quote is of an enclave that was never initialised, and so never ran")
	}
	if err := v.clock.saw(verdict, TEE(q.TEE), now); err != nil {
		return nil, err
	}
	return &judgement{verdict: verdict, at: now, collateral: from}, nil
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
