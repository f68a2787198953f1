// Package ert answers the runtime calls of EGo for a simulated enclave, as
// EGo's runtime and Open Enclave do on a CPU with SGX: the same arguments,
// the same bytes, the same refusals.
//
// The process that calls is on the other side of a [Memory]. Its arguments
// may be wrong in any way; the answer then is a result other than [oe.OK],
// never a panic, and never ENOSYS, which EGo's own library takes for
// permission to use sixteen zero bytes as a key.
//
// Quotes are verified as on a machine whose provisioning service knows that
// machine alone, and whose root stands in the place of Intel's. For others,
// Intel's own included, there is no collateral, and the result is EGo's for
// that: nothing is said of a quote that cannot truly be judged.
package ert

import (
	"crypto/x509"
	"net/http"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// CPU is what the enclave has of its processor.
type CPU interface {
	// Body is the enclave's identity, with zero report data.
	Body() sgx.ReportBody
	// Report is EREPORT.
	Report(target sgx.TargetInfo, data [64]byte) sgx.Report
	// Key is EGETKEY. Its errors are those of package sim.
	Key(sgx.KeyRequest) ([16]byte, error)
}

var _ CPU = (*sim.Enclave)(nil)

// Machine is what the enclave's machine does for it: it turns reports into
// quotes, and has what it takes to verify them.
type Machine interface {
	// QuotingEnclave is whom to make the report for.
	QuotingEnclave() sgx.TargetInfo
	// Quote checks the report and signs its body: a bare Intel quote.
	Quote(sgx.Report) ([]byte, error)
	// Root is what the runtime trusts in the place of Intel's root.
	Root() *x509.Certificate
	// PCS serves collateral at the paths of Intel's service. It is asked
	// without a network.
	PCS() http.Handler
}

var _ Machine = (*sim.Machine)(nil)

// Memory is the memory of the calling process, with the arena in which
// results are allocated. Any access may fail.
type Memory interface {
	Read(addr uint64, n int) ([]byte, error)
	Write(addr uint64, b []byte) error
	Alloc(n int) (addr uint64, err error)
	Free(addr uint64) bool // false if addr was not allocated
}

// Runtime answers the calls of one process. It is safe for concurrent use.
type Runtime struct {
	cpu     CPU
	machine Machine
	texts   texts
}

// New returns the runtime of a process that runs the enclave cpu on machine.
// Nothing of it may be shared by processes: it remembers addresses in its
// process's arena.
func New(cpu CPU, machine Machine) *Runtime {
	return &Runtime{cpu: cpu, machine: machine}
}

// Call answers the call with the given number and arguments, reading and
// writing mem. What it returns is for the process: an [oe.Result], or an
// address for [oe.CallResultText].
func (r *Runtime) Call(mem Memory, number int, args [6]uint64) uint64 {
	texts := r.texts.place(mem)
	if number == oe.CallResultText {
		return texts.address(args[0])
	}
	return uint64(r.answer(process{mem, texts}, number, args))
}

func (r *Runtime) answer(p process, number int, a [6]uint64) oe.Result {
	switch number {
	case oe.CallRemoteReport:
		return r.remoteReport(p, a)
	case oe.CallVerifyReport:
		return r.verifyReport(p, a)
	case oe.CallSealKey:
		return r.sealKey(p, a)
	case oe.CallSealKeyByPolicy:
		return r.sealKeyByPolicy(p, a)
	case oe.CallVerifyEvidence:
		return r.verifyEvidence(p, a)
	case oe.CallLocalReport:
		return r.localReport(p, a)
	case oe.CallFreeReport, oe.CallFreeClaims:
		return p.free(a[0])
	case oe.CallFreeSealKey:
		return p.freeKey(a[0], a[1])
	}
	return oe.Unsupported
}
