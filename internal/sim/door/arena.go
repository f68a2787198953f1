package door

import (
	"crypto/rand"
	"crypto/subtle"
)

const cookieSize = 16

// arena is the child's memory that results are left in. The books are kept
// here; there is only content, and a cookie by which the memory is known
// again: the child may have unmapped it, or put something else there.
type arena struct {
	blocks *blocks
	home   uint64 // of the cookie
	cookie [cookieSize]byte
}

// newArena furnishes memory of the child that nobody uses.
func newArena(mem caller, spans ...span) (*arena, error) {
	a := &arena{blocks: newBlocks(spans...)}
	rand.Read(a.cookie[:])
	home, err := a.blocks.alloc(cookieSize)
	if err != nil {
		return nil, err
	}
	a.home = home
	err = mem.write(home, a.cookie[:])
	if err == nil {
		err = mem.read(home, make([]byte, cookieSize)) // as every call will
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// alloc writes the zeros too: a block may have been used before.
func (a *arena) alloc(mem caller, n int) (uint64, error) {
	if !a.known(mem) {
		return 0, ErrFault
	}
	addr, err := a.blocks.alloc(n)
	if err != nil {
		return 0, err
	}
	if err := wipe(mem, addr, n); err != nil {
		a.blocks.free(addr)
		return 0, err
	}
	return addr, nil
}

func (a *arena) release(mem caller, addr uint64) bool {
	return addr != a.home && a.known(mem) && a.blocks.free(addr)
}

func (a *arena) known(mem caller) bool {
	var b [cookieSize]byte
	return mem.read(a.home, b[:]) == nil && subtle.ConstantTimeCompare(b[:], a.cookie[:]) == 1
}

func wipe(mem caller, addr uint64, n int) error {
	if n == 0 {
		return nil
	}
	return mem.write(addr, make([]byte, n))
}
