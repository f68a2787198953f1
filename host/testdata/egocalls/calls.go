package main

import (
	"errors"
	"syscall"
	"unsafe"
)

// The calls of EGo's runtime, with the arguments EGo gives them.

// call is a system call whose result EGo's package enclave makes an error of.
//
//go:uintptrescapes
func call(number, a0, a1, a2, a3, a4, a5 uintptr) error {
	result, _, errno := syscall.Syscall6(number, a0, a1, a2, a3, a4, a5)
	if errno != 0 {
		return errno
	}
	if result != 0 {
		return errors.New(text(result))
	}
	return nil
}

func text(result uintptr) string {
	addr, _, _ := syscall.Syscall(1006, result, 0, 0)
	return cString(*(**byte)(unsafe.Pointer(&addr)))
}

func cString(p *byte) string {
	n := 0
	for p != nil && unsafe.Slice(p, n+1)[n] != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}

// allocated is memory of the runtime's.
type allocated struct {
	p *byte
	n uintptr
}

func (a *allocated) copy() []byte { return append([]byte(nil), unsafe.Slice(a.p, a.n)...) }

func remoteReport(data []byte) ([]byte, error) {
	out := new(allocated)
	err := call(1000, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), 0, 0,
		uintptr(unsafe.Pointer(&out.p)), uintptr(unsafe.Pointer(&out.n)))
	if err != nil {
		return nil, err
	}
	defer call(1001, uintptr(unsafe.Pointer(out.p)), 0, 0, 0, 0, 0)
	return out.copy(), nil
}

func localReport(data, target []byte) ([]byte, error) {
	out := new(allocated)
	data, target = nilIfEmpty(data), nilIfEmpty(target)
	err := call(1009, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)),
		uintptr(unsafe.Pointer(unsafe.SliceData(target))), uintptr(len(target)),
		uintptr(unsafe.Pointer(&out.p)), uintptr(unsafe.Pointer(&out.n)))
	if err != nil {
		return nil, err
	}
	defer call(1001, uintptr(unsafe.Pointer(out.p)), 0, 0, 0, 0, 0)
	return out.copy(), nil
}

// nilIfEmpty gives an empty slice no address.
func nilIfEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// parsed is an oe_report_t.
type parsed struct {
	size               uintptr
	kind               uint32
	dataSize, bodySize uintptr
	data, body         *byte
	idVersion, svn     uint32
	attributes         uint64
	unique, signer     [32]byte
	product            [16]byte
	result             uint32
}

func verifyReport(report []byte) (*parsed, error) {
	out := new(parsed)
	return out, call(1002, uintptr(unsafe.Pointer(unsafe.SliceData(report))), uintptr(len(report)), uintptr(unsafe.Pointer(out)), 0, 0, 0)
}

func sealKey(info []byte) ([]byte, error) {
	out := new(allocated)
	err := call(1003, uintptr(unsafe.Pointer(unsafe.SliceData(info))), uintptr(len(info)),
		uintptr(unsafe.Pointer(&out.p)), uintptr(unsafe.Pointer(&out.n)), 0, 0)
	if err != nil {
		return nil, err
	}
	defer call(1004, uintptr(unsafe.Pointer(out.p)), 0, 0, 0, 0, 0)
	return out.copy(), nil
}

// claim is an oe_claim_t.
type claim struct {
	name  *byte
	value allocated
}

// verifyEvidence calls f with the claims, which there are of a platform with an
// invalid TCB level too.
func verifyEvidence(evidence []byte, f func(name string, value []byte)) error {
	claims, n := new(*claim), new(uintptr)
	err := call(1007, uintptr(unsafe.Pointer(unsafe.SliceData(evidence))), uintptr(len(evidence)),
		uintptr(unsafe.Pointer(claims)), uintptr(unsafe.Pointer(n)), 0, 0)
	for _, c := range unsafe.Slice(*claims, *n) {
		f(cString(c.name), c.value.copy())
	}
	if *n > 0 {
		call(1008, uintptr(unsafe.Pointer(*claims)), *n, 0, 0, 0, 0)
	}
	return err
}
