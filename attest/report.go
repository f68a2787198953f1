package attest

import (
	"crypto/sha256"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Report is what verified evidence says.
type Report struct {
	Identity
	// Data is what the enclave chose to have signed. [Verifier.Verify] has
	// compared all 64 bytes with what the caller expects.
	Data     [64]byte
	TCB      TCB
	Platform Platform
	// Root is the SHA-256 of the public key that all of this rests on, a DER
	// SubjectPublicKeyInfo: see [Report.IntelRoot].
	Root [32]byte
	// Expires is when the first certificate or document that the verdict rests
	// on does. Verify again before.
	Expires time.Time
}

// TCB is Intel's judgement of the platform and its quoting enclave together.
type TCB struct {
	Status TCBStatus
	// Advisories are Intel's security advisories that apply, sorted.
	Advisories []string
	// Date is until when known weaknesses are accounted for.
	Date time.Time
	// Evaluation is the number of Intel's evaluation. It rises with time: a
	// minimum keeps a host from showing an old judgement.
	Evaluation uint32
}

// Platform is the machine the evidence was made on.
type Platform struct {
	FMSPC [6]byte  // its kind: family, model, stepping, platform type, custom SKU
	PPID  [16]byte // the machine itself, stable until its owner resets it
}

// IntelRoot reports whether the evidence rests on Intel's own root, as that of
// every real SGX CPU does.
func (r *Report) IntelRoot() bool { return r.Root == sha256.Sum256(dcap.IntelRoot()) }

func newReport(v *dcap.Verdict) *Report {
	return &Report{
		Identity: identity(&v.Body),
		Data:     v.Body.ReportData,
		TCB: TCB{
			Status:     TCBStatus(v.TCB.Status),
			Advisories: v.TCB.Advisories,
			Date:       v.TCB.Date,
			Evaluation: v.TCB.Evaluation,
		},
		Platform: platform(&v.Platform),
		Root:     v.Root,
		Expires:  v.Expires,
	}
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

func platform(p *dcap.Platform) Platform {
	return Platform{FMSPC: p.FMSPC, PPID: p.PPID}
}
