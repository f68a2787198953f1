package occlum

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Ioctl makes an ioctl on the device. What the argument points to, and what
// that points to, is on the heap and alive until it returns.
type Ioctl func(number uintptr, argument unsafe.Pointer) syscall.Errno

// The requests of Occlum's /dev/sgx, which have nothing to do with those of
// the driver in Linux: its letter is 's', the driver's is 0xA4.
const (
	requestReport    = 0xC0187304
	requestQuoteSize = 0x80047307
	requestQuote     = 0xC0187308
	requestKey       = 0xC010730B
)

// Arguments, in the layout of C. Their fields are pointers, not numbers, so
// that the garbage collector sees what Occlum reads and writes.
type (
	reportArgument struct {
		target *[512]byte
		data   *[64]byte
		report *[432]byte
	}
	quoteArgument struct {
		data  *[64]byte
		size  *uint32
		quote *byte
	}
	keyArgument struct {
		request *[512]byte
		key     *[16]byte
	}
)

// call gives every failure the name of what was asked for. Occlum makes EINVAL
// of all of them, and has the reason in its log.
func (p *Platform) call(what string, number uintptr, argument unsafe.Pointer) error {
	if errno := p.ioctl(number, argument); errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}
