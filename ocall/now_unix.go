//go:build unix && (!linux || race)

package ocall

import "syscall"

const canReadNow = true

// writeNow writes what the kernel takes at once.
func writeNow(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }

// readNow reads what is there.
func readNow(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }
