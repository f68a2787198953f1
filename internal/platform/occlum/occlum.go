// Package occlum is the platform of trusted halves that Occlum runs on SGX, as
// Enclave-CC does: it speaks to Occlum by the ioctls of /dev/sgx.
//
// Occlum cannot interrupt these calls. A context that is done makes a method
// return without calling; one that ends during the call changes nothing.
//
// It follows Occlum's source and has been run over a device that behaves like
// its own. It has not been run in Occlum, nor on SGX hardware.
package occlum

import (
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Platform is Occlum. It is safe for concurrent use.
type Platform struct {
	ioctl Ioctl
	self  sgx.ReportBody
}

var (
	_ platform.Platform       = (*Platform)(nil)
	_ platform.ReportVerifier = (*Platform)(nil)
)

// Open returns Occlum, or [platform.ErrAbsent] where there is no /dev/sgx, or
// it is a directory, as some drivers have made it outside.
func Open() (*Platform, error) {
	device, err := openDevice()
	if errors.Is(err, platform.ErrAbsent) {
		return nil, platform.ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("occlum: %w", err)
	}
	return OpenWith(device)
}

// OpenWith is Open with a device that is open already.
func OpenWith(device Ioctl) (*Platform, error) {
	p := &Platform{ioctl: device}
	report, err := p.report(sgx.TargetInfo{}, [64]byte{})
	if err == nil && report.Body.MRENCLAVE == [32]byte{} {
		err = errors.New("the report says that this enclave's measurement is zero")
	}
	if err != nil {
		return nil, fmt.Errorf("occlum: %w", err)
	}
	p.self = report.Body
	return p, nil
}

// Name returns "Occlum".
func (p *Platform) Name() string { return "Occlum" }
