package ego

import "syscall"

// OpenWith is Open with another kernel.
func OpenWith(call func(number uintptr, args [6]uintptr) (uintptr, syscall.Errno)) (*Platform, error) {
	return open(call)
}
