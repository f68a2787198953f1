// Package ego is the platform of trusted halves that EGo runs, on SGX or on
// Cleave's simulator: it speaks to EGo's runtime by the system calls 1000 to
// 1009.
//
// EGo cannot interrupt these calls. A context that is done makes a method
// return without calling; one that ends during the call changes nothing.
package ego

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Platform is EGo. It is safe for concurrent use.
type Platform struct {
	call caller
	self sgx.ReportBody
}

var _ platform.Platform = (*Platform)(nil)

// caller makes a system call. Pointers among its arguments are the concern of
// who calls it.
type caller func(number uintptr, args [6]uintptr) (result uintptr, errno syscall.Errno)

// What Open says of EGo's own simulation, in which there is nothing to trust.
var errSimulation = errors.New("ego: this is EGo's own simulation (OE_SIMULATION=1), which has no reports " +
	"and whose keys are all zero; use Cleave's simulator instead (Simulate in package host)")

// Open returns EGo, or [platform.ErrAbsent] where the kernel answers in its
// place. No environment variable is looked at: the host sets them.
func Open() (*Platform, error) { return open(systemCall) }

func open(call caller) (*Platform, error) {
	p := &Platform{call: call}
	report, err := p.report(sgx.TargetInfo{}, [64]byte{})
	switch {
	case errors.Is(err, syscall.ENOSYS):
		return nil, platform.ErrAbsent
	case errors.Is(err, oe.Unsupported):
		return nil, errSimulation
	case err != nil:
		return nil, fmt.Errorf("ego: %w", err)
	case report.Body.MRENCLAVE == [32]byte{}:
		return nil, errors.New("ego: the runtime says that this enclave's measurement is zero")
	}
	p.self = report.Body
	return p, nil
}

// Name returns "EGo".
func (p *Platform) Name() string { return "EGo" }
