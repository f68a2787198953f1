package ert

import (
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// Of the quotes that Open Enclave verifies.
const (
	quoteVersion = 3
	keyTypeECDSA = 2
)

// quoted is what is known of a quote beyond the report body in it.
type quoted struct {
	*dcap.Quote
	platform dcap.Platform
	level
	validity     span
	endorsements *endorsements
}

// level is that of the platform's TCB among those that Intel judges.
type level struct {
	status uint32
	date   time.Time // zero if there is no such level
	index  int
}

// verifyQuote judges a quote by the machine's root and collateral, now.
func (r *Runtime) verifyQuote(b []byte) (*verified, oe.Result) {
	q, pck, result := parseQuote(b)
	if result != oe.OK {
		return nil, result
	}
	e, ok := collect(r.machine.PCS(), pck)
	if !ok {
		return nil, oe.QuoteProviderCallError
	}
	level, result := r.judge(q, pck, e)
	if result != oe.OK && result != oe.TCBLevelInvalid {
		return nil, result
	}
	validity, err := e.validity(pck)
	if err != nil {
		return nil, oe.NoValidityPeriod
	}
	return &verified{q.Body, &quoted{q, pck.Platform, level, validity, e}}, result
}

func parseQuote(b []byte) (*dcap.Quote, *dcap.PCKChain, oe.Result) {
	if version, _, ok := dcap.Kind(b); ok && version != quoteVersion {
		return nil, nil, oe.QuoteVerificationError
	}
	q, err := dcap.ParseQuote(b)
	switch {
	case errors.Is(err, dcap.ErrUnsupported):
		return nil, nil, oe.QuoteVerificationError
	case err != nil:
		return nil, nil, oe.ReportParseError
	}
	pck, err := q.PCK()
	switch {
	case errors.Is(err, dcap.ErrUnsupported):
		return nil, nil, oe.MissingCertificateChain
	case errors.Is(err, dcap.ErrMalformed):
		return nil, nil, oe.Failure
	case err != nil:
		return nil, nil, refusal(err)
	}
	return q, pck, oe.OK
}

// judge leaves the verdict to the verifier, which knows one that Open Enclave
// has besides: claims about a platform that reaches no level.
func (r *Runtime) judge(q *dcap.Quote, pck *dcap.PCKChain, e *endorsements) (level, oe.Result) {
	verdict, err := dcap.Verify(q, pck, e.collateral(), r.machine.Root().RawSubjectPublicKeyInfo, time.Now())
	index, levels, reached := e.level(&pck.Platform)
	switch {
	case refusedAs(err, "TCB_NOT_SUPPORTED") && !reached:
		return level{tcbInvalid, time.Time{}, levels}, oe.TCBLevelInvalid
	case err != nil:
		return level{}, refusal(err)
	case verdict.TCB.QE.Status != dcap.UpToDate:
		return level{}, oe.NoValidityPeriod // what Open Enclave makes of an outdated quoting enclave
	}
	found := level{tcbStatus(verdict.TCB.Platform.Status), verdict.TCB.Platform.Date, index}
	if found.status != tcbUpToDate && found.status != tcbSWHardeningNeeded {
		return found, oe.TCBLevelInvalid
	}
	return found, oe.OK
}

// The values of oe_sgx_tcb_status_t with which something is done.
const (
	tcbUpToDate          uint32 = 0
	tcbSWHardeningNeeded uint32 = 5
	tcbInvalid           uint32 = 0xFFFFFFFF
)

// tcbStatus is Open Enclave's number for a status of Intel's.
func tcbStatus(s dcap.Status) uint32 {
	numbers := map[dcap.Status]uint32{
		dcap.UpToDate:                          tcbUpToDate,
		dcap.OutOfDate:                         1,
		dcap.Revoked:                           2,
		dcap.ConfigurationNeeded:               3,
		dcap.OutOfDateConfigurationNeeded:      4,
		dcap.SWHardeningNeeded:                 tcbSWHardeningNeeded,
		dcap.ConfigurationAndSWHardeningNeeded: 6,
	}
	if n, ok := numbers[s]; ok {
		return n
	}
	return tcbInvalid
}
