package door

import "golang.org/x/sys/unix"

// process is the memory of the process or thread with that id.
type process int

func (p process) read(addr uint64, b []byte) error {
	return p.move(unix.ProcessVMReadv, addr, b)
}

func (p process) write(addr uint64, b []byte) error {
	return p.move(unix.ProcessVMWritev, addr, b)
}

// move fills or empties b completely.
func (p process) move(vm func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), addr uint64, b []byte) error {
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	n, err := vm(int(p), local, remote, 0)
	switch {
	case err == unix.EFAULT || err == nil && n < len(b):
		return ErrFault
	case err == unix.ESRCH:
		return ErrGone
	}
	return err
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
