package sim

import (
	"fmt"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Identity is what distinguishes one enclave from another.
type Identity struct {
	MRENCLAVE [32]byte
	MRSIGNER  [32]byte
	ProductID uint16
	SVN       uint16
	Debug     bool
}

// Enclave is an initialised enclave on a machine. It is safe for concurrent
// use. Printing it shows its identity only.
type Enclave struct {
	machine *Machine
	body    sgx.ReportBody
}

// xfrm is what a program of a current compiler runs with: x87, SSE, AVX and
// AVX-512.
const xfrm = 0xE7

// Enclave starts an enclave. As under EGo, it has 64-bit mode, no KSS and no
// access to provisioning keys.
func (m *Machine) Enclave(id Identity) *Enclave {
	flags := uint64(sgx.FlagInit | sgx.FlagMode64)
	if id.Debug {
		flags |= sgx.FlagDebug
	}
	return &Enclave{m, sgx.ReportBody{
		CPUSVN:     m.cpu.platform.CPUSVN,
		Attributes: sgx.Attributes{Flags: flags, XFRM: xfrm},
		MRENCLAVE:  id.MRENCLAVE,
		MRSIGNER:   id.MRSIGNER,
		ProductID:  id.ProductID,
		SVN:        id.SVN,
	}}
}

// Body is what the enclave's reports say, with zero report data.
func (e *Enclave) Body() sgx.ReportBody { return e.body }

// Report is EREPORT: a report that only the target, on the same machine, can
// check.
func (e *Enclave) Report(target sgx.TargetInfo, data [64]byte) sgx.Report {
	r := sgx.Report{Body: e.body, KeyID: e.machine.cpu.bootKeyID}
	r.Body.ReportData = data
	r.Sign(e.machine.cpu.reportKey(target, r.KeyID))
	return r
}

// VerifyReport reports whether r was made for e by an enclave on the same
// machine.
func (e *Enclave) VerifyReport(r sgx.Report) bool {
	return r.Verify(e.machine.cpu.reportKey(e.body.Target(), r.KeyID))
}

// Format hides the machine from every verb of package fmt.
func (e Enclave) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "simulated enclave %x", e.body.MRENCLAVE)
}
