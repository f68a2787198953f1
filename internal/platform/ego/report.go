package ego

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

var (
	errReport = errors.New("the runtime's answer is not a local report of this enclave with the data asked for")
	errTarget = errors.New("Open Enclave makes no reports for enclaves with KSS or CET")
)

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
		return sgx.Report{}, fmt.Errorf("ego: report: %w", err)
	}
	return report, nil
}

func (p *Platform) report(target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	targetReport, err := reportOf(target)
	if err != nil {
		return sgx.Report{}, err
	}
	b, err := p.localReport(targetReport, data)
	if err != nil {
		return sgx.Report{}, err
	}
	kind, body, err := oe.ParseReport(b)
	if err != nil || kind != oe.Local {
		return sgx.Report{}, errReport
	}
	report, err := sgx.ParseReport(body)
	if err != nil || report.Body.ReportData != data {
		return sgx.Report{}, errReport
	}
	return report, nil
}

func (p *Platform) localReport(target []byte, data [64]byte) ([]byte, error) {
	const size = oe.ReportHeaderSize + sgx.ReportSize
	out := new(buffer)
	err := p.invoke(oe.CallLocalReport,
		uintptr(unsafe.Pointer(&data)), uintptr(len(data)),
		uintptr(unsafe.Pointer(unsafe.SliceData(target))), uintptr(len(target)),
		uintptr(unsafe.Pointer(&out.addr)), uintptr(unsafe.Pointer(&out.size)))
	if err != nil {
		return nil, err
	}
	defer p.freeReport(out)
	return out.copy(size, size), nil
}

// freeReport gives out back to the runtime. If that fails, memory is lost and
// nothing else.
func (p *Platform) freeReport(out *buffer) {
	_ = p.invoke(oe.CallFreeReport, out.addr, 0, 0, 0, 0, 0)
}

// reportOf is a report by which Open Enclave can tell the target. It takes the
// target's three fields from it and checks nothing, so that a made-up one will
// do for an enclave of which only the target info is known, as the quoting
// enclave's.
func reportOf(target sgx.TargetInfo) ([]byte, error) {
	three := sgx.TargetInfo{
		MRENCLAVE:  target.MRENCLAVE,
		Attributes: target.Attributes,
		MiscSelect: target.MiscSelect,
	}
	switch target {
	case sgx.TargetInfo{}:
		return nil, nil
	case three:
		report := sgx.Report{Body: sgx.ReportBody{
			MRENCLAVE:  target.MRENCLAVE,
			Attributes: target.Attributes,
			MiscSelect: target.MiscSelect,
		}}
		return oe.Report(report.Append(nil), false), nil
	}
	return nil, errTarget
}
