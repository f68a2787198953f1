// Package occlumtest is Occlum's /dev/sgx for tests, over a simulated CPU. It
// reads the arguments of ioctls as Occlum does, from the caller's memory, and
// makes EINVAL of every failure.
package occlumtest

import (
	"syscall"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// Quoting is the host's quoting enclave, as [sim.Machine] has it.
type Quoting interface {
	QuotingEnclave() sgx.TargetInfo
	Quote(sgx.Report) ([]byte, error)
}

// Device is the device of one process. Its fields are set before it is used.
// It is safe for concurrent use.
type Device struct {
	Enclave *sim.Enclave
	// Quoting is nil if Occlum was built without DCAP, or found no quoting
	// enclave when it was first asked.
	Quoting Quoting
	// Room is how many bytes the quoting enclave says a quote may need beyond
	// those it has.
	Room int
}

// Requests, as Occlum's test program has them.
const (
	createReport = 0xC0187304
	verifyReport = 0x41B07305
	selfTarget   = 0x82007303
	quoteSize    = 0x80047307
	quote        = 0xC0187308
	getKey       = 0xC010730B
)

// Arguments in C: pointers, each of eight bytes.
type (
	reportArgument struct{ target, data, report unsafe.Pointer }
	quoteArgument  struct{ data, size, quote unsafe.Pointer }
	keyArgument    struct{ request, key unsafe.Pointer }
)

// Ioctl answers a request.
func (d *Device) Ioctl(number uintptr, argument unsafe.Pointer) syscall.Errno {
	if argument == nil {
		return syscall.EINVAL
	}
	switch number {
	case selfTarget:
		body := d.Enclave.Body()
		target := body.Target()
		*(*[512]byte)(argument) = [512]byte(target.Append(nil))
		return 0
	case createReport:
		return d.createReport((*reportArgument)(argument))
	case verifyReport:
		return d.verifyReport((*[432]byte)(argument))
	case quoteSize:
		return d.quoteSize((*uint32)(argument))
	case quote:
		return d.quote((*quoteArgument)(argument))
	case getKey:
		return d.key((*keyArgument)(argument))
	}
	return syscall.EINVAL
}

func (d *Device) createReport(a *reportArgument) syscall.Errno {
	var target sgx.TargetInfo
	var data [64]byte
	if a.target != nil {
		var err error
		if target, err = sgx.ParseTargetInfo((*[512]byte)(a.target)[:]); err != nil {
			return syscall.EINVAL
		}
	}
	if a.data != nil {
		data = *(*[64]byte)(a.data)
	}
	if a.report == nil {
		return syscall.EINVAL
	}
	report := d.Enclave.Report(target, data)
	*(*[432]byte)(a.report) = [432]byte(report.Append(nil))
	return 0
}

func (d *Device) verifyReport(b *[432]byte) syscall.Errno {
	report, err := sgx.ParseReport(b[:])
	if err != nil || !d.Enclave.VerifyReport(report) {
		return syscall.EINVAL
	}
	return 0
}

func (d *Device) quoteSize(size *uint32) syscall.Errno {
	made, errno := d.make([64]byte{})
	if errno == 0 {
		*size = uint32(len(made))
	}
	return errno
}

// quote fills the caller's buffer, padded with zeros.
func (d *Device) quote(a *quoteArgument) syscall.Errno {
	if a.data == nil || a.size == nil || a.quote == nil {
		return syscall.EINVAL
	}
	made, errno := d.make(*(*[64]byte)(a.data))
	if errno != 0 {
		return errno
	}
	size := *(*uint32)(a.size)
	if int(size) < len(made) {
		return syscall.EINVAL
	}
	copy(unsafe.Slice((*byte)(a.quote), size), made)
	return 0
}

func (d *Device) make(data [64]byte) ([]byte, syscall.Errno) {
	if d.Quoting == nil {
		return nil, syscall.EINVAL
	}
	made, err := d.Quoting.Quote(d.Enclave.Report(d.Quoting.QuotingEnclave(), data))
	if err != nil {
		return nil, syscall.EINVAL
	}
	return append(made, make([]byte, d.Room)...), 0
}

func (d *Device) key(a *keyArgument) syscall.Errno {
	if a.request == nil || a.key == nil {
		return syscall.EINVAL
	}
	request, err := sgx.ParseKeyRequest((*[512]byte)(a.request)[:])
	if err != nil {
		return syscall.EINVAL
	}
	key, err := d.Enclave.Key(request)
	if err != nil {
		return syscall.EINVAL
	}
	*(*[16]byte)(a.key) = key
	return 0
}
