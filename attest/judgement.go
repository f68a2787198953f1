package attest

import (
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// A judgement is the verdict on a quote, and what it is a function of beside
// the quote, the verifier's root and grace. The same quote judged by the same
// collateral gets the same verdict until the first document expires.
type judgement struct {
	verdict    *dcap.Verdict
	at         time.Time
	tee        TEE
	subject    Subject
	collateral Collateral // as it was, whatever becomes of the place it was in
	borrowed   bool       // the quote's certificates came from a PCKSource
	dialect    Dialect    // of the certificate the quote was in, if it was in one
}

// report is a new one: no caller has the same slices.
func (j *judgement) report() *Report {
	r := newReport(j.verdict, j.at)
	r.TCB.Advisories = slices.Clone(r.TCB.Advisories)
	r.Dialect = j.dialect
	return r
}
