package door

import (
	"errors"
	"slices"
	"sync"
)

// ErrExhausted says that the child's memory for results is used up.
var ErrExhausted = errors.New("no room for the result in the child")

const alignment = 16 // of malloc on x86-64

// span is a range of addresses.
type span struct{ start, size uint64 }

func (s span) end() uint64 { return s.start + s.size }

// align shrinks s to whole units.
func (s span) align() span {
	start := (s.start + alignment - 1) &^ (alignment - 1)
	end := s.end() &^ (alignment - 1)
	if start >= end {
		return span{}
	}
	return span{start, end - start}
}

// blocks hands out parts of address ranges, first fit. It is safe for
// concurrent use.
type blocks struct {
	mu   sync.Mutex
	room []span            // sorted, none empty, no two adjacent
	used map[uint64]uint64 // size by address
}

// newBlocks manages spans, which must not overlap.
func newBlocks(spans ...span) *blocks {
	b := &blocks{used: map[uint64]uint64{}}
	for _, s := range spans {
		if s = s.align(); s.size > 0 {
			b.add(s)
		}
	}
	return b
}

// alloc takes n bytes; zero bytes have an address of their own too.
func (b *blocks) alloc(n int) (uint64, error) {
	if n < 0 || n > MaxTransfer {
		return 0, ErrExhausted
	}
	size := (uint64(max(n, 1)) + alignment - 1) &^ (alignment - 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.room, func(s span) bool { return s.size >= size })
	if i < 0 {
		return 0, ErrExhausted
	}
	addr := b.room[i].start
	b.room[i] = span{addr + size, b.room[i].size - size}
	if b.room[i].size == 0 {
		b.room = slices.Delete(b.room, i, i+1)
	}
	b.used[addr] = size
	return addr, nil
}

// free gives back what alloc took at addr, and reports whether it did.
func (b *blocks) free(addr uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	size, ok := b.used[addr]
	if ok {
		delete(b.used, addr)
		b.add(span{addr, size})
	}
	return ok
}

// add puts s among the room and joins it with its neighbours.
func (b *blocks) add(s span) {
	i := slices.IndexFunc(b.room, func(r span) bool { return r.start > s.start })
	if i < 0 {
		i = len(b.room)
	}
	if i < len(b.room) && s.end() == b.room[i].start {
		s.size += b.room[i].size
		b.room = slices.Delete(b.room, i, i+1)
	}
	if i > 0 && b.room[i-1].end() == s.start {
		b.room[i-1].size += s.size
		return
	}
	b.room = slices.Insert(b.room, i, s)
}
