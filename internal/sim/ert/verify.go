package ert

import (
	"encoding/binary"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// verifyReport answers oe.CallVerifyReport. Unlike Open Enclave it parses
// nothing for the process that it has refused.
func (r *Runtime) verifyReport(p process, a [6]uint64) oe.Result {
	addr, n, parsed := a[0], a[1], a[2]
	b, ok := p.read(addr, n, oe.MaxReportSize)
	if !ok {
		return oe.InvalidParameter
	}
	kind, body, result := parseReport(b)
	if result != oe.OK {
		return result
	}
	v, result := r.verify(kind, body)
	if v == nil {
		return result
	}
	// The out-pointer is optional here.
	if parsed != 0 && p.Write(parsed, v.parsedReport(addr+oe.ReportHeaderSize)) != nil {
		return oe.InvalidParameter
	}
	return result
}

// verified is what is known of an enclave once its report or quote is verified.
type verified struct {
	body  sgx.ReportBody
	quote *quoted // nil for a local report
}

// verify returns nil and why not, or what it has verified with oe.OK or, for a
// quote of a platform with such a level, oe.TCBLevelInvalid.
func (r *Runtime) verify(kind oe.Kind, b []byte) (*verified, oe.Result) {
	if kind == oe.Local {
		return r.verifyLocal(b[:sgx.ReportSize])
	}
	return r.verifyQuote(b)
}

// verifyLocal checks the MAC of a report with the enclave's own REPORT key.
func (r *Runtime) verifyLocal(b []byte) (*verified, oe.Result) {
	report, err := sgx.ParseReport(b)
	if err != nil {
		// No CPU puts anything into reserved fields, so no MAC is right.
		return nil, oe.CMACMismatch
	}
	key, err := r.cpu.Key(sgx.KeyRequest{Name: sgx.KeyReport, KeyID: report.KeyID})
	if err != nil {
		return nil, keyResult(err)
	}
	if !report.Verify(key) {
		return nil, oe.CMACMismatch
	}
	return &verified{body: report.Body}, oe.OK
}

// Of Open Enclave's bits/report.h and bits/types.h.
const (
	parsedReportSize = 152 // of oe_report_t
	enclaveTypeSGX   = 2
	attributeDebug   = 1 << 0
	attributeRemote  = 1 << 1
)

// Offsets in bytes: of the body in a quote, of the report data in a body.
const (
	quoteBody        = 48
	reportDataOffset = 320
)

// parsedReport is the oe_report_t for a report or quote that the process has
// at addr. It points there: nobody frees what it points to.
func (v *verified) parsedReport(addr uint64) []byte {
	status := tcbUpToDate
	if v.quote != nil {
		addr += quoteBody
		status = v.quote.status
	}
	b := make([]byte, 0, parsedReportSize)
	b = binary.LittleEndian.AppendUint64(b, parsedReportSize)
	b = binary.LittleEndian.AppendUint64(b, enclaveTypeSGX) // 32 bits and padding
	b = binary.LittleEndian.AppendUint64(b, uint64(len(v.body.ReportData)))
	b = binary.LittleEndian.AppendUint64(b, sgx.ReportBodySize)
	b = binary.LittleEndian.AppendUint64(b, addr+reportDataOffset)
	b = binary.LittleEndian.AppendUint64(b, addr)
	b = v.appendIdentity(b)
	return binary.LittleEndian.AppendUint64(b, uint64(status)) // 32 bits and padding
}

// appendIdentity appends the 96 bytes of an oe_identity_t.
func (v *verified) appendIdentity(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, 0) // id_version
	b = binary.LittleEndian.AppendUint32(b, uint32(v.body.SVN))
	b = binary.LittleEndian.AppendUint64(b, v.attributes())
	b = append(b, v.body.MRENCLAVE[:]...)
	b = append(b, v.body.MRSIGNER[:]...)
	return append(b, v.productID()...)
}

func (v *verified) attributes() (a uint64) {
	if v.body.Attributes.Debug() {
		a |= attributeDebug
	}
	if v.quote != nil {
		a |= attributeRemote
	}
	return a
}

// productID has 16 bytes, of which SGX needs two.
func (v *verified) productID() []byte {
	return append(binary.LittleEndian.AppendUint16(nil, v.body.ProductID), make([]byte, 14)...)
}
