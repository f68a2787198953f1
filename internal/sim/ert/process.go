package ert

import "github.com/cleave-sdk/cleave/internal/oe"

// process is the memory of the caller during one call.
type process struct {
	Memory
	texts textBlock
}

// read copies n bytes from addr. For none the address does not matter.
func (p process) read(addr, n, limit uint64) ([]byte, bool) {
	if n == 0 {
		return nil, true
	}
	if addr == 0 || n > limit {
		return nil, false
	}
	b, err := p.Read(addr, int(n))
	return b, err == nil && uint64(len(b)) == n
}

// free gives back what deliver allocated, as C's free does: nil is fine. The
// texts stay.
func (p process) free(addr uint64) oe.Result {
	if addr == 0 {
		return oe.OK
	}
	if addr == uint64(p.texts) || !p.Free(addr) {
		return oe.InvalidParameter
	}
	return oe.OK
}

// freeKey frees a key and the request it came with.
func (p process) freeKey(key, request uint64) oe.Result {
	return max(p.free(key), p.free(request))
}
