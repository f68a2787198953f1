package occlum

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/platform"
)

const device = "/dev/sgx"

var errDevice = errors.New(device + " is not Occlum's: outside Occlum it is a driver's, inside something was mounted over it")

// openDevice opens the device for as long as the process lives.
func openDevice() (Ioctl, error) {
	fd, err := syscall.Open(device, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ENOENT) {
		return nil, platform.ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", device, err)
	}
	if err := check(fd); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return func(number uintptr, argument unsafe.Pointer) syscall.Errno {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), number, uintptr(argument))
		return errno
	}, nil
}

func check(fd int) error {
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	return judge(stat.Mode, uint64(stat.Rdev))
}

// judge says whether it can be Occlum's device, which is built into it and, as
// no driver's is, number zero. Ioctls on what is mounted from the host go to the
// host.
func judge(mode uint32, number uint64) error {
	switch {
	case mode&syscall.S_IFMT == syscall.S_IFDIR:
		return platform.ErrAbsent
	case mode&syscall.S_IFMT != syscall.S_IFCHR || number != 0:
		return errDevice
	}
	return nil
}
