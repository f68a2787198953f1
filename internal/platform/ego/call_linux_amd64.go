package ego

import "syscall"

// systemCall goes to EGo's runtime because the Go of EGo makes its system
// calls through it. It has to be package syscall: a SYSCALL instruction of
// one's own would be illegal in an enclave.
func systemCall(number uintptr, a [6]uintptr) (uintptr, syscall.Errno) {
	result, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	return result, errno
}
