package door

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// process is the memory of the process or thread with that id.
type process int

func (p process) read(addr uint64, b []byte) error {
	return p.move(unix.ProcessVMReadv, unix.Pread, addr, b)
}

func (p process) write(addr uint64, b []byte) error {
	return p.move(unix.ProcessVMWritev, unix.Pwrite, addr, b)
}

// move fills or empties b completely.
func (p process) move(vm func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), file func(int, []byte, int64) (int, error), addr uint64, b []byte) error {
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	n, err := vm(int(p), local, remote, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		n, err = p.moveByFile(file, addr, b, err)
	}
	switch {
	case err == unix.EFAULT || err == unix.EIO || err == nil && n < len(b):
		return ErrFault
	case err == unix.ESRCH:
		return ErrGone
	}
	return err
}

// moveByFile is for where a kernel or a profile has no process_vm_readv(2). It
// writes to what the child itself may only read too: the pages of its program.
func (p process) moveByFile(file func(int, []byte, int64) (int, error), addr uint64, b []byte, otherwise error) (int, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/mem", int(p)), unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return 0, unix.ESRCH
	case err != nil:
		return 0, otherwise
	}
	defer unix.Close(fd)
	n, err := file(fd, b, int64(addr)) // which is unsigned there
	if n == 0 && err == nil {
		return 0, unix.ESRCH // no memory is left
	}
	return n, err
}

// pausedThread is the memory of a thread that waits for its call to return.
// The thread id may be another's once it stops waiting.
type pausedThread struct {
	process
	listener listener
	call     uint64
}

func (t pausedThread) read(addr uint64, b []byte) error {
	if err := t.process.read(addr, b); err != nil {
		return err
	}
	return t.listener.valid(t.call)
}

func (t pausedThread) write(addr uint64, b []byte) error {
	if err := t.listener.valid(t.call); err != nil {
		return err
	}
	return t.process.write(addr, b)
}

func (t pausedThread) respond(value uint64) error { return t.listener.respond(t.call, value) }
