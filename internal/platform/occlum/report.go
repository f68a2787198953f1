package occlum

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

var errReport = errors.New("the answer is not a local report of this enclave with the data asked for")

// Report makes a local report for the target. The zero target is nobody.
func (p *Platform) Report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	if err := ctx.Err(); err != nil {
		return sgx.Report{}, err
	}
	report, err := p.report(target, data)
	if err == nil && !platform.SameEnclave(p.self, report.Body, data) {
		err = errReport
	}
	if err != nil {
		return sgx.Report{}, fmt.Errorf("occlum: report: %w", err)
	}
	return report, nil
}

func (p *Platform) report(target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	argument := &reportArgument{
		target: (*[512]byte)(target.Append(nil)),
		data:   &data,
		report: new([432]byte),
	}
	if err := p.call("CREATE_REPORT", requestReport, unsafe.Pointer(argument)); err != nil {
		return sgx.Report{}, err
	}
	report, err := sgx.ParseReport(argument.report[:])
	if err != nil || report.Body.ReportData != data {
		return sgx.Report{}, errReport
	}
	return report, nil
}

// VerifyReport gets the REPORT key and checks the MAC here: what Occlum says
// of a report it has checked does not tell a wrong one from trouble. EGETKEY
// takes nothing of the request but the key ID for a REPORT key.
func (p *Platform) VerifyReport(ctx context.Context, report sgx.Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, err := p.egetkey(sgx.KeyRequest{Name: sgx.KeyReport, KeyID: report.KeyID})
	if err != nil {
		return fmt.Errorf("occlum: local report: %w", err)
	}
	if !report.Verify(key) {
		return fmt.Errorf("occlum: local report: %w", platform.ErrNotForMe)
	}
	return nil
}
