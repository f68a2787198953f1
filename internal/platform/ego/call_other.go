//go:build !(linux && amd64)

package ego

import "syscall"

// systemCall answers as a kernel without EGo: there is none for this system,
// where the numbers may well mean something else.
func systemCall(uintptr, [6]uintptr) (uintptr, syscall.Errno) { return 0, syscall.ENOSYS }
