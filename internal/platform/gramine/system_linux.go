package gramine

import (
	"errors"
	"syscall"
)

// system is the kernel, or Gramine in its place. Package os would ask it for
// more than these files need.
type system struct{}

func (system) Open(name string, flags int) (int, error) {
	return again(func() (int, error) { return syscall.Open(name, flags, 0) })
}

func (system) Read(fd int, b []byte) (int, error) {
	return again(func() (int, error) { return syscall.Read(fd, b) })
}

func (system) Write(fd int, b []byte) (int, error) {
	return again(func() (int, error) { return syscall.Write(fd, b) })
}

func (system) Close(fd int) error { return syscall.Close(fd) }

func (system) Device(fd int) (uint64, error) {
	var stat syscall.Stat_t
	err := syscall.Fstat(fd, &stat)
	return uint64(stat.Dev), err
}

// again repeats what a signal has interrupted: Go's runtime sends itself some.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
