package door

import "golang.org/x/sys/unix"

// leash kills the child when this process ends, before the listener closes.
//
// The parent-death signal alone comes too late: it is sent after a dying
// process has closed its descriptors, and for that moment the child's calls
// return ENOSYS. So the reading end of a pipe is told to send SIGKILL to the
// child on the next event (F_SETSIG, F_SETOWN, O_ASYNC in fcntl(2)), and the
// closing of the writing end is one. A dying process really closes its
// descriptors from the highest down: the writing end is above the listener,
// and the listener above the reading end.
type leash struct{ reader, writer int }

// newLeash returns the listener too, which gets the number it must have.
func newLeash(l listener) (*leash, listener, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, l, err
	}
	k := &leash{p[0], p[1]}
	moved, err := above(int(l), k.reader)
	if err == nil {
		l = listener(moved)
		k.writer, err = above(k.writer, moved)
	}
	if err != nil {
		k.close()
		return nil, l, err
	}
	return k, l, nil
}

// above moves a descriptor to a number above floor.
func above(fd, floor int) (int, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, floor+1)
	if err != nil {
		return fd, err
	}
	return moved, unix.Close(fd)
}

// tie binds the child, as the process it is, not as its number.
func (k *leash) tie(pid int) error {
	for _, set := range []struct{ command, value int }{
		{unix.F_SETOWN, pid},
		{unix.F_SETSIG, int(unix.SIGKILL)},
		{unix.F_SETFL, unix.O_ASYNC},
	} {
		if _, err := unix.FcntlInt(uintptr(k.reader), set.command, set.value); err != nil {
			return err
		}
	}
	return nil
}

// close pulls the leash.
func (k *leash) close() {
	unix.Close(k.writer)
	unix.Close(k.reader)
}
