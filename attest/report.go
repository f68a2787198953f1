package attest

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Report is what verified evidence says.
type Report struct {
	Identity
	Details
	// Data is what the enclave chose to have signed. [Verifier.Verify] has
	// compared all 64 bytes with what the caller expects.
	Data     [64]byte
	TCB      TCB
	Platform Platform
	// Dialect is how the evidence spoke for the key of the certificate it was in.
	// It is zero for a quote by itself.
	Dialect Dialect
	// Root is the SHA-256 of the public key that all of this rests on, a DER
	// SubjectPublicKeyInfo: see [Report.IntelRoot].
	Root [32]byte
	// Judged is the time at which everything was judged.
	Judged time.Time
	// Expires is when the first certificate or document that the verdict rests
	// on does. Verify again before. It is in the past only where the policy
	// grants Grace: see [Report.Stale].
	Expires time.Time
}

// TCB is Intel's judgement of the platform and its quoting enclave together.
type TCB struct {
	Status TCBStatus
	// Advisories are Intel's security advisories that apply, sorted.
	Advisories []string
	// Date is until when known weaknesses are accounted for.
	Date time.Time
	// Evaluation is the number of Intel's evaluation, the lower of the shares'.
	// It rises with time: a minimum keeps a host from showing an old judgement.
	Evaluation uint32
	// Platform is the share of the CPU, its microcode and firmware.
	Platform Share
	// QuotingEnclave is the share of Intel's enclave that signed the quote.
	QuotingEnclave Share
}

// Share is what one component contributes to a [TCB]. The whole has the worst
// of the statuses, all of the advisories, and the earlier of the dates.
type Share struct {
	Status     TCBStatus
	Advisories []string
	Date       time.Time
	Evaluation uint32
}

// IntelRoot reports whether the evidence rests on Intel's own root, as that of
// every real SGX CPU does.
func (r *Report) IntelRoot() bool { return r.Root == sha256.Sum256(dcap.IntelRoot()) }

// Stale reports whether the verdict rests on collateral that had expired when
// it was judged, which only happens within the policy's Grace. What Intel has
// revoked or found since does not show in it.
func (r *Report) Stale() bool { return r.Expires.Before(r.Judged) }

// carries checks that the evidence was made for exactly data.
func (r *Report) carries(data [64]byte) error {
	if subtle.ConstantTimeCompare(r.Data[:], data[:]) != 1 {
		return errOtherData()
	}
	return nil
}

func errOtherData() error {
	return fail(ErrForged, "the quote was made for something else: its report data differ")
}

func newReport(v *dcap.Verdict, judged time.Time) *Report {
	return &Report{
		Identity: identity(&v.Body),
		Details:  details(&v.Body),
		Data:     v.Body.ReportData,
		TCB:      newTCB(&v.TCB),
		Platform: platform(&v.Platform),
		Root:     v.Root,
		Judged:   judged,
		Expires:  v.Expires,
	}
}

func newTCB(t *dcap.TCB) TCB {
	return TCB{
		Status:         TCBStatus(t.Status),
		Advisories:     t.Advisories,
		Date:           t.Date,
		Evaluation:     t.Evaluation,
		Platform:       share(&t.Platform),
		QuotingEnclave: share(&t.QE),
	}
}

func share(s *dcap.Share) Share {
	// A copy, because others are judged by the same documents.
	return Share{TCBStatus(s.Status), slices.Clone(s.Advisories), s.Date, s.Evaluation}
}

func identity(b *sgx.ReportBody) Identity {
	return Identity{
		Measurement: b.MRENCLAVE,
		Signer:      b.MRSIGNER,
		ProductID:   b.ProductID,
		SVN:         b.SVN,
		Debug:       b.Attributes.Debug(),
	}
}
