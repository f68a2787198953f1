package ert

import (
	"errors"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// remoteReport answers oe.CallRemoteReport with a quote.
func (r *Runtime) remoteReport(p process, a [6]uint64) oe.Result {
	out := output{addrTo: a[4], numberTo: a[5]}
	// Open Enclave refuses options, and a pointer to no data.
	if out.nowhere() || a[2] != 0 || a[3] != 0 || (a[0] == 0) != (a[1] == 0) {
		return oe.InvalidParameter
	}
	data, ok := p.reportData(a[0], a[1])
	if !ok {
		return oe.InvalidParameter
	}
	quote, err := r.machine.Quote(r.cpu.Report(r.machine.QuotingEnclave(), data))
	if err != nil {
		return unquoted(err)
	}
	out.bytes = oe.Report(quote, true)
	return p.deliver(out)
}

// unquoted is the result of a quote that could not be had.
func unquoted(err error) oe.Result {
	var r oe.Result
	if errors.As(err, &r) && r != oe.OK {
		return r
	}
	return oe.PlatformError
}

// localReport answers oe.CallLocalReport.
func (r *Runtime) localReport(p process, a [6]uint64) oe.Result {
	out := output{addrTo: a[4], numberTo: a[5]}
	if out.nowhere() {
		return oe.InvalidParameter
	}
	data, ok := p.localData(a[0], a[1])
	if !ok {
		return oe.InvalidParameter
	}
	target, ok := p.target(a[2], a[3])
	if !ok {
		return oe.InvalidParameter
	}
	report := r.cpu.Report(target, data)
	out.bytes = oe.Report(report.Append(nil), false)
	return p.deliver(out)
}

// reportData reads up to 64 bytes; the rest is zero.
func (p process) reportData(addr, n uint64) (data [64]byte, ok bool) {
	b, ok := p.read(addr, n, uint64(len(data)))
	copy(data[:], b)
	return data, ok
}

// localData is reportData, but of the 64 bytes at nil all are zero.
func (p process) localData(addr, n uint64) (data [64]byte, ok bool) {
	if addr == 0 {
		return data, n <= uint64(len(data))
	}
	return p.reportData(addr, n)
}

// target reads a report of the enclave to make a report for. Without one it
// is nobody: the report then tells who made it, and nothing checks its MAC.
func (p process) target(addr, n uint64) (t sgx.TargetInfo, ok bool) {
	if addr == 0 {
		return t, true // Open Enclave does not look at n here
	}
	b, ok := p.read(addr, n, oe.MaxReportSize)
	if !ok {
		return t, false
	}
	var h header
	s := lebyte.String(b)
	if !h.read(&s) || h.version != reportVersion || !h.known() || len(s) < sgx.ReportSize {
		return t, false
	}
	return targetOf(s)
}

// targetOf takes from a report the three fields that Open Enclave copies; the
// others stay zero. Whatever else is in it, a quote for one, does not matter.
func targetOf(s lebyte.String) (t sgx.TargetInfo, ok bool) {
	var other []byte
	ok = s.Bytes(&other, 16) && s.Uint32(&t.MiscSelect) &&
		s.Bytes(&other, 28) && t.Attributes.Read(&s) &&
		s.Copy(t.MRENCLAVE[:])
	return t, ok
}
