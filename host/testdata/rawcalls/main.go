// Command rawcalls asks EGo's runtime for a report, a quote and a key as a
// program would that has never heard of Cleave, and prints what it gets.
package main

import (
	"encoding/hex"
	"fmt"
	"syscall"
	"unsafe"
)

func main() {
	show("quote", 1000, remote())
	show("report", 1009, local())
	show("key", 1005, key())
}

type answer struct {
	result uintptr
	errno  syscall.Errno
	bytes  []byte
}

func show(what string, number int, a answer) {
	if a.errno != 0 || a.result != 0 {
		fmt.Println(what, number, a.result, a.errno)
		return
	}
	fmt.Println(what, number, hex.EncodeToString(a.bytes))
}

func remote() answer {
	data := []byte("what the enclave says")
	buf, size := new(uintptr), new(uintptr)
	r, _, errno := syscall.Syscall6(1000, uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0, 0,
		uintptr(unsafe.Pointer(buf)), uintptr(unsafe.Pointer(size)))
	return finish(r, errno, *buf, *size, func() { syscall.Syscall(1001, *buf, 0, 0) })
}

func local() answer {
	buf, size := new(uintptr), new(uintptr)
	r, _, errno := syscall.Syscall6(1009, 0, 0, 0, 0, uintptr(unsafe.Pointer(buf)), uintptr(unsafe.Pointer(size)))
	return finish(r, errno, *buf, *size, func() { syscall.Syscall(1001, *buf, 0, 0) })
}

func key() answer {
	buf, size, info, infoSize := new(uintptr), new(uintptr), new(uintptr), new(uintptr)
	r, _, errno := syscall.Syscall6(1005, 2, uintptr(unsafe.Pointer(buf)), uintptr(unsafe.Pointer(size)),
		uintptr(unsafe.Pointer(info)), uintptr(unsafe.Pointer(infoSize)), 0)
	return finish(r, errno, *buf, *size, func() { syscall.Syscall(1004, *buf, *info, 0) })
}

// finish copies what the runtime allocated, and frees it.
func finish(result uintptr, errno syscall.Errno, address, size uintptr, free func()) answer {
	a := answer{result: result, errno: errno}
	if errno == 0 && result == 0 {
		a.bytes = append(a.bytes, unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), size)...)
		free()
	}
	return a
}
