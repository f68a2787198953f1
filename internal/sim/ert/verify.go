package ert

import (
	"encoding/binary"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// verifyReport answers oe.CallVerifyReport for local reports made for this
// enclave. Quotes are verified elsewhere: it does not answer for them.
func (r *Runtime) verifyReport(p process, a [6]uint64) oe.Result {
	addr, n, parsed := a[0], a[1], a[2]
	b, ok := p.read(addr, n, oe.MaxReportSize)
	if !ok {
		return oe.InvalidParameter
	}
	report, result := parseLocal(b)
	if result != oe.OK {
		return result
	}
	if result := r.check(report); result != oe.OK {
		return result
	}
	// The out-pointer is optional here.
	if parsed != 0 && p.Write(parsed, parsedReport(&report.Body, addr+oe.ReportHeaderSize)) != nil {
		return oe.InvalidParameter
	}
	return oe.OK
}

// check checks the MAC of a report with the enclave's own REPORT key.
func (r *Runtime) check(report sgx.Report) oe.Result {
	key, err := r.cpu.Key(sgx.KeyRequest{Name: sgx.KeyReport, KeyID: report.KeyID})
	if err != nil {
		return keyResult(err)
	}
	if !report.Verify(key) {
		return oe.CMACMismatch
	}
	return oe.OK
}

// verifyEvidence answers oe.CallVerifyEvidence. Like Open Enclave it takes no
// local reports; for quotes it has no verdict, and says so.
func (r *Runtime) verifyEvidence(p process, a [6]uint64) oe.Result {
	b, ok := p.read(a[0], a[1], oe.MaxReportSize)
	if !ok || (a[2] == 0) != (a[3] == 0) {
		return oe.InvalidParameter
	}
	if kind, _, err := oe.ParseReport(b); err != nil || kind != oe.Remote {
		return oe.InvalidParameter
	}
	return oe.Unsupported
}

func parseLocal(b []byte) (sgx.Report, oe.Result) {
	kind, body, err := oe.ParseReport(b)
	switch {
	case err != nil:
		return sgx.Report{}, oe.InvalidParameter
	case kind != oe.Local:
		return sgx.Report{}, oe.Unsupported
	case len(body) != sgx.ReportSize:
		return sgx.Report{}, oe.IncorrectReportSize
	}
	report, err := sgx.ParseReport(body)
	if err != nil {
		// No CPU puts anything into reserved fields, so no MAC is right.
		return sgx.Report{}, oe.CMACMismatch
	}
	return report, oe.OK
}

// Of Open Enclave's bits/report.h and bits/types.h.
const (
	parsedReportSize = 152 // of oe_report_t
	enclaveTypeSGX   = 2
	attributeDebug   = 1 << 0
)

// reportDataOffset is that of the report data in a report body.
const reportDataOffset = 320

// parsedReport is the oe_report_t for a local report whose body the process
// has at addr. It points there: nobody frees what it points to.
func parsedReport(body *sgx.ReportBody, addr uint64) []byte {
	b := make([]byte, 0, parsedReportSize)
	b = binary.LittleEndian.AppendUint64(b, parsedReportSize)
	b = binary.LittleEndian.AppendUint64(b, enclaveTypeSGX) // 32 bits and padding
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body.ReportData)))
	b = binary.LittleEndian.AppendUint64(b, sgx.ReportBodySize)
	b = binary.LittleEndian.AppendUint64(b, addr+reportDataOffset)
	b = binary.LittleEndian.AppendUint64(b, addr)
	b = appendIdentity(b, body)
	return append(b, make([]byte, 8)...) // verification_result, padding
}

// appendIdentity appends the 96 bytes of an oe_identity_t.
func appendIdentity(b []byte, body *sgx.ReportBody) []byte {
	var attributes uint64
	if body.Attributes.Debug() {
		attributes = attributeDebug
	}
	b = binary.LittleEndian.AppendUint32(b, 0) // id_version
	b = binary.LittleEndian.AppendUint32(b, uint32(body.SVN))
	b = binary.LittleEndian.AppendUint64(b, attributes)
	b = append(b, body.MRENCLAVE[:]...)
	b = append(b, body.MRSIGNER[:]...)
	b = binary.LittleEndian.AppendUint16(b, body.ProductID)
	return append(b, make([]byte, 14)...)
}
