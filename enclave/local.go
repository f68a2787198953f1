package enclave

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Target is this enclave's TARGETINFO, 512 bytes: what another enclave on the
// same CPU has to know to make a [Platform.LocalReport] for it. It is no
// secret, and proves nothing. It is nil for a zero or nil
// Platform.
func (p *Platform) Target() []byte {
	if p == nil || p.platform == nil {
		return nil
	}
	return p.target.Append(nil)
}

// LocalReport returns a report (Intel's REPORT, 432 bytes) that only the
// enclave target, on the same CPU, can check, as it does by
// [Platform.VerifyLocalReport]. Target is that enclave's [Platform.Target];
// purpose and data are as for [Platform.Quote].
func (p *Platform) LocalReport(ctx context.Context, target []byte, purpose string, data []byte) ([]byte, error) {
	if p == nil || p.platform == nil {
		return nil, ErrOutside
	}
	if purpose == "" {
		return nil, errPurpose
	}
	info, err := sgx.ParseTargetInfo(target)
	if err != nil {
		return nil, fmt.Errorf("enclave: report: %w", err)
	}
	report, err := p.platform.Report(ctx, info, attest.ReportData(purpose, data))
	if err != nil {
		return nil, fmt.Errorf("enclave: report: %w", err)
	}
	return report.Append(nil), nil
}

// VerifyLocalReport returns what a local report says, if an enclave on this
// CPU made it for this one, for exactly this purpose and data. Anybody may have
// enclaves on this CPU: see [attest.Policy.CheckLocal] for whether it is one to
// trust.
//
// No quote, collateral or service is needed, and nothing is said of the CPU,
// which is the one this enclave has to rely on in any case. Nor does it say
// when the report was made: put a nonce into data where that matters.
//
// Errors are [attest.ErrMalformed] and [attest.ErrForged]; anything else is
// that the platform could not check it. It follows EGo's source and runs on the
// simulator. It has not been run on SGX hardware yet.
func (p *Platform) VerifyLocalReport(ctx context.Context, report []byte, purpose string, data []byte) (*attest.LocalReport, error) {
	if p == nil || p.platform == nil {
		return nil, ErrOutside
	}
	if purpose == "" {
		return nil, errPurpose
	}
	verifier, ok := p.platform.(platform.ReportVerifier)
	if !ok {
		return nil, fmt.Errorf("enclave: %s cannot check local reports: use quotes instead: %w", p.platform.Name(), errors.ErrUnsupported)
	}
	parsed, err := sgx.ParseReport(report)
	if err != nil {
		return nil, fmt.Errorf("enclave: local report: %w: not a REPORT of 432 bytes; have it sent again, whole", attest.ErrMalformed)
	}
	err = verifier.VerifyReport(ctx, parsed)
	if errors.Is(err, platform.ErrNotForMe) {
		return nil, fmt.Errorf("enclave: local report: %w: it was not made for this enclave on this CPU, or has been changed; do not trust who sent it", attest.ErrForged)
	}
	if err != nil {
		return nil, fmt.Errorf("enclave: local report: %w", err)
	}
	want := attest.ReportData(purpose, data)
	if subtle.ConstantTimeCompare(parsed.Body.ReportData[:], want[:]) != 1 {
		return nil, fmt.Errorf("enclave: local report: %w: it was made for something else; do not trust who sent it", attest.ErrForged)
	}
	return localReport(&parsed.Body), nil
}
