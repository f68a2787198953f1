package ert

import (
	"sync"

	"github.com/cleave-sdk/cleave/internal/oe"
)

// texts are the names of all results as C strings in the process's arena.
// They are put there with the first call, since an exhausted arena is what
// one of the names tells of.
type texts struct {
	mu     sync.Mutex
	placed textBlock
}

// textBlock is the address of the texts, zero if they are not in the arena.
type textBlock uint64

// place returns where the texts are. If there was no room for them, the next
// call tries again.
func (t *texts) place(mem Memory) textBlock {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.placed == 0 {
		addr, _ := process{Memory: mem}.place(allTexts())
		t.placed = textBlock(addr)
	}
	return t.placed
}

// address is that of the text of a result, of which Open Enclave looks at 32
// bits. It is zero, which EGo reads as an empty text, if there is none.
func (b textBlock) address(result uint64) uint64 {
	if b == 0 {
		return 0
	}
	offset := 0
	for r := range min(oe.Result(uint32(result)), oe.Results) {
		offset += len(r.String()) + 1
	}
	return uint64(b) + uint64(offset)
}

// allTexts ends with the one for every result there is not.
func allTexts() (b []byte) {
	for r := range oe.Results + 1 {
		b = append(append(b, r.String()...), 0)
	}
	return b
}
