package ego

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

var _ platform.ReportVerifier = (*Platform)(nil)

// VerifyReport has the runtime check the report's MAC (call 1002) or, where it
// does not answer that call, gets the REPORT key (call 1003) and checks it
// here. Both follow EGo's and Open Enclave's source and run on the simulator;
// neither has been run on SGX hardware yet.
func (p *Platform) VerifyReport(ctx context.Context, report sgx.Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := p.verifyByRuntime(report)
	if errors.Is(err, oe.Unsupported) || errors.Is(err, syscall.ENOSYS) {
		err = p.verifyByKey(report)
	}
	if err != nil {
		return fmt.Errorf("ego: local report: %w", err)
	}
	return nil
}

// verifyByRuntime asks for no parsed report: it has nothing that the report
// does not.
func (p *Platform) verifyByRuntime(report sgx.Report) error {
	b := oe.Report(report.Append(nil), false)
	err := p.invoke(oe.CallVerifyReport, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0, 0)
	if errors.Is(err, oe.CMACMismatch) {
		return platform.ErrNotForMe
	}
	return err
}

// verifyByKey is what the manual has the target of a report do. EGETKEY takes
// nothing of the request but the key ID for a REPORT key.
func (p *Platform) verifyByKey(report sgx.Report) error {
	key, err := p.egetkey(sgx.KeyRequest{Name: sgx.KeyReport, KeyID: report.KeyID})
	if err != nil {
		return err
	}
	if !report.Verify(key) {
		return platform.ErrNotForMe
	}
	return nil
}
