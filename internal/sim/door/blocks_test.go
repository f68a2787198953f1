package door

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// checkBlocks verifies that what is used and free tiles total bytes.
func checkBlocks(t *testing.T, b *blocks, total uint64) {
	t.Helper()
	all := slices.Clone(b.room)
	for start, size := range b.used {
		all = append(all, span{start, size})
	}
	slices.SortFunc(all, func(a, b span) int { return int(a.start) - int(b.start) })
	var sum, end uint64
	for _, s := range all {
		if s.start < end || s.size == 0 || s.start%alignment != 0 || s.size%alignment != 0 {
			t.Fatalf("block %+v overlaps or is crooked in %+v", s, all)
		}
		sum += s.size
		end = s.end()
	}
	if sum != total {
		t.Fatalf("%d bytes, want %d", sum, total)
	}
}

func TestAlign(t *testing.T) {
	for in, want := range map[span]span{
		{0, 0}:     {},
		{1, 14}:    {},
		{1, 30}:    {},
		{1, 31}:    {16, 16},
		{16, 16}:   {16, 16},
		{16, 31}:   {16, 16},
		{17, 1000}: {32, 976},
	} {
		if got := in.align(); got != want {
			t.Errorf("%+v aligned is %+v, want %+v", in, got, want)
		}
	}
}

func TestAllMemoryReturns(t *testing.T) {
	const total = 1 << 16
	whole := []span{{1 << 20, total / 2}, {1 << 22, total / 2}}
	b := newBlocks(whole...)
	r := rand.New(rand.NewPCG(1, 2))
	var held []uint64
	for range 20000 {
		if r.IntN(2) == 0 && len(held) > 0 {
			i := r.IntN(len(held))
			if !b.free(held[i]) {
				t.Fatal("not freed")
			}
			held = slices.Delete(held, i, i+1)
			continue
		}
		addr, err := b.alloc(r.IntN(2000))
		if err != nil {
			if !errors.Is(err, ErrExhausted) {
				t.Fatal(err)
			}
			continue
		}
		held = append(held, addr)
		if r.IntN(100) == 0 {
			checkBlocks(t, b, total)
		}
	}
	for _, addr := range held {
		b.free(addr)
	}
	checkBlocks(t, b, total)
	if !slices.Equal(b.room, whole) || len(b.used) != 0 {
		t.Errorf("left with %+v and %d blocks in use", b.room, len(b.used))
	}
}

func TestBlocksTogether(t *testing.T) {
	b := newBlocks(span{16, 1 << 14})
	var mu sync.Mutex
	owner := map[uint64]int{}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 0))
			for range 2000 {
				addr, err := b.alloc(r.IntN(4000))
				if err != nil {
					continue
				}
				mu.Lock()
				if other, taken := owner[addr]; taken {
					t.Errorf("%#x given to %d and %d", addr, other, g)
				}
				owner[addr] = g
				mu.Unlock()
				mu.Lock()
				delete(owner, addr)
				mu.Unlock()
				if !b.free(addr) {
					t.Errorf("%#x not freed", addr)
				}
			}
		})
	}
	wg.Wait()
	checkBlocks(t, b, 1<<14)
}

// FuzzBlocks plays a program of two bytes an instruction: allocate so many
// units, or free the block or the address chosen.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte{0, 200, 0, 3, 1, 0, 0, 100, 2, 16})
	f.Fuzz(func(t *testing.T, program []byte) {
		const total = 4096
		b := newBlocks(span{4096, total / 2}, span{16384, total / 2})
		var held []uint64
		for ; len(program) >= 2; program = program[2:] {
			op, arg := program[0]%3, int(program[1])
			switch {
			case op == 0:
				if addr, err := b.alloc(arg * 5); err == nil {
					held = append(held, addr)
				}
			case op == 1 && len(held) > 0:
				i := arg % len(held)
				if !b.free(held[i]) {
					t.Fatal("not freed")
				}
				held = slices.Delete(held, i, i+1)
			case op == 2:
				addr := 4096 + uint64(arg)*8
				if i := slices.Index(held, addr); b.free(addr) != (i >= 0) {
					t.Fatalf("freed %#x, or not", addr)
				} else if i >= 0 {
					held = slices.Delete(held, i, i+1)
				}
			}
			checkBlocks(t, b, total)
		}
	})
}
