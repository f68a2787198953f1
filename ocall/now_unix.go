//go:build unix && (!linux || race || 386)

package ocall

import "syscall"

const canReadNow = true

// writeNow writes what the kernel takes at once.
func writeNow(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }

// readNow reads what is there.
func readNow(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }

// peekNow leaves nothing.
func peekNow(fd uintptr, b []byte) (n, left int, err error) {
	n, err = readNow(fd, b)
	return n, 0, err
}

// yieldNow leaves it to the kernel when other threads have the processor.
func yieldNow() {}
