//go:build unix

package ocall

import "syscall"

// writeNow writes what the kernel takes at once.
func writeNow(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
