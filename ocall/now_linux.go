//go:build !race && !386

package ocall

import (
	"syscall"
	"unsafe"
)

const canReadNow = true

// writeNow writes what the kernel takes at once.
func writeNow(fd uintptr, b []byte) (int, error) { return now(syscall.SYS_WRITE, fd, b, 0) }

// readNow reads what is there.
func readNow(fd uintptr, b []byte) (int, error) { return now(syscall.SYS_READ, fd, b, 0) }

// peekNow is readNow, but leaves it there: as much as it says.
func peekNow(fd uintptr, b []byte) (n, left int, err error) {
	n, err = now(syscall.SYS_RECVFROM, fd, b, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n, n, err
}

// yieldNow lets other threads have the processor.
func yieldNow() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

// now makes a system call on a descriptor that does not block. The scheduler is
// not told, as it is of calls that may wait: it would wake its watchman each
// time, who costs a fifth of what a short message takes there and back. The race
// detector, for which a write comes before the read of what it wrote, is not told
// either, and has the other way.
func now(call, fd uintptr, b []byte, flags uintptr) (int, error) {
	b = b[:min(len(b), briefly)]
	n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if n > uintptr(len(b)) || n == 0 && call == syscall.SYS_WRITE && len(b) > 0 {
		return 0, syscall.EPROTO // an enclave's kernel is its host
	}
	return int(n), nil
}
