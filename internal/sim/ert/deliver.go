package ert

import (
	"encoding/binary"

	"github.com/cleave-sdk/cleave/internal/oe"
)

// output is a buffer for the process: what is in it, and where the process
// wants to read the buffer's address and size.
type output struct {
	bytes    []byte
	addrTo   uint64
	numberTo uint64 // the size in bytes, as size_t
}

func (o output) nowhere() bool { return o.addrTo == 0 || o.numberTo == 0 }

// deliver allocates the outputs in the arena and tells the process where they
// are. If it cannot do so for all, it does so for none.
func (p process) deliver(outputs ...output) oe.Result {
	var placed []uint64
	var words []word
	for _, o := range outputs {
		addr, result := p.place(o.bytes)
		if result != oe.OK {
			p.takeBack(placed)
			return result
		}
		placed = append(placed, addr)
		// The size goes first: a size without an address tempts nobody.
		words = append(words, word{o.numberTo, uint64(len(o.bytes))}, word{o.addrTo, addr})
	}
	if !p.publish(words) {
		p.takeBack(placed)
		return oe.InvalidParameter
	}
	return oe.OK
}

// deliverClaims does the same for claims: the process frees them as one, and
// wants to read how many there are.
func (p process) deliverClaims(c claims, addrTo, countTo uint64) oe.Result {
	addr, result := p.placeAt(len(c.block(0)), c.block)
	if result != oe.OK {
		return result
	}
	if !p.publish([]word{{countTo, uint64(len(c))}, {addrTo, addr}}) {
		p.Free(addr)
		return oe.InvalidParameter
	}
	return oe.OK
}

// place puts b into the arena.
func (p process) place(b []byte) (addr uint64, result oe.Result) {
	return p.placeAt(len(b), func(uint64) []byte { return b })
}

// placeAt puts n bytes into the arena that depend on where they are.
func (p process) placeAt(n int, at func(addr uint64) []byte) (addr uint64, result oe.Result) {
	addr, err := p.Alloc(n)
	if err != nil {
		return 0, oe.OutOfMemory
	}
	if p.Write(addr, at(addr)) != nil {
		p.Free(addr)
		return 0, oe.Unexpected
	}
	return addr, oe.OK
}

// takeBack frees what the process never learned of.
func (p process) takeBack(addrs []uint64) {
	for _, addr := range addrs {
		p.Free(addr)
	}
}

// word is 64 bits to be written to an address.
type word struct{ to, value uint64 }

// publish writes all words, or sets those already written to zero, as Open
// Enclave leaves them when it fails.
func (p process) publish(words []word) bool {
	for i, w := range words {
		if !p.writeWord(w.to, w.value) {
			for _, w := range words[:i] {
				p.writeWord(w.to, 0)
			}
			return false
		}
	}
	return true
}

func (p process) writeWord(to, value uint64) bool {
	return p.Write(to, binary.LittleEndian.AppendUint64(nil, value)) == nil
}
