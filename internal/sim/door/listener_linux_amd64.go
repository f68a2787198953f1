package door

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listener is the descriptor at which the calls of a filter arrive
// (seccomp_unotify(2)). The kernel makes it close-on-exec.
type listener int

// notification is struct seccomp_notif.
type notification struct {
	id          uint64
	thread      uint32 // of the caller, in the process ids of the receiver
	flags       uint32
	number      int32
	arch        uint32
	instruction uint64
	args        [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

// receive waits for a call. It must not be used when there may be no process
// left that could make one: it would wait for ever before Linux 6.11, and find
// nothing for ever from then on.
func (l listener) receive() (notification, error) {
	for {
		var n notification // zero, the kernel insists
		err := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n))
		if !again(err) {
			return n, err
		}
	}
}

// next is receive at any time, and reports false when no process is left.
func (l listener) next() (n notification, ok bool, err error) {
	for {
		if ok, err := l.wait(); !ok {
			return n, false, err
		}
		err := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n))
		if !again(err) {
			return n, err == nil, err
		}
	}
}

// again reports whether a call was withdrawn, because its thread was
// interrupted or ended.
func again(err error) bool {
	return errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT)
}

// wait waits for a call, or until there can be none.
func (l listener) wait() (bool, error) {
	fds := []unix.PollFd{{Fd: int32(l), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && fds[0].Revents&unix.POLLIN != 0, err
		}
	}
}

// favourLatency has the kernel run caller and receiver in turns on one
// processor, from Linux 6.6; there is no harm without.
func (l listener) favourLatency() {
	unix.Syscall(unix.SYS_IOCTL, uintptr(l), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
}

// respond makes the call return value. The error is ErrGone if it is no
// longer made.
func (l listener) respond(id, value uint64) error {
	r := response{id: id, value: int64(value)}
	return gone(l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)))
}

// valid checks that the call is still being made, so that its thread id is
// not somebody else's by now.
func (l listener) valid(id uint64) error {
	return gone(l.ioctl(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)))
}

func gone(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return ErrGone
	}
	return err
}

func (l listener) ioctl(request uint, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(l), uintptr(request), uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}

func (l listener) close() { unix.Close(int(l)) }
