//go:build linux && amd64

package door_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim/door"
)

// within runs f in the handler of one call of a child.
func within(t by, f func(*door.Call)) {
	t.Helper()
	if out, err := run(t, func(c *door.Call) uint64 { f(c); return 0 }, "call", "1000"); err != nil || out != "0 0\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestBadAddresses(t *testing.T) {
	eachDoor(t, func(t by) {
		within(t, func(c *door.Call) {
			for name, bad := range map[string]struct {
				addr uint64
				n    int
			}{
				"nil":             {0, 1},
				"first page":      {4095, 1},
				"unmapped":        {0x10000, 8},
				"not canonical":   {1 << 48, 8},
				"kernel":          {0xffff_8000_0000_0000, 8},
				"top":             {1<<64 - 1, 1},
				"wraps around":    {1<<64 - 4, 8},
				"ends past a map": {entry(t), 16 << 20},
				"too long":        {entry(t), door.MaxTransfer + 1},
			} {
				if b, err := c.Read(bad.addr, bad.n); !errors.Is(err, door.ErrFault) || b != nil {
					t.Errorf("reading, %s: %d bytes, %v", name, len(b), err)
				}
				if err := c.Write(bad.addr, make([]byte, bad.n)); !errors.Is(err, door.ErrFault) {
					t.Errorf("writing, %s: %v", name, err)
				}
			}
			if _, err := c.Read(entry(t), -1); !errors.Is(err, door.ErrFault) {
				t.Errorf("a negative length: %v", err)
			}
			if err := c.Write(entry(t), []byte("x")); !errors.Is(err, door.ErrFault) {
				t.Errorf("writing to program text: %v", err)
			}
			if b, err := c.Read(0, 0); err != nil || len(b) != 0 {
				t.Errorf("reading nothing: %v", err)
			}
			if err := c.Write(0, nil); err != nil {
				t.Errorf("writing nothing: %v", err)
			}
		})
	})
}

// entry is where the probe begins, and stood while the arena was mapped.
func entry(t testing.TB) uint64 {
	f, err := elf.Open(probe())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Entry
}

func TestProgramTextIsRestored(t *testing.T) {
	eachDoor(t, func(t by) {
		f, err := elf.Open(probe())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text := f.Section(".text")
		want := make([]byte, 64)
		if _, err := text.ReadAt(want, int64(f.Entry-text.Addr)); err != nil {
			t.Fatal(err)
		}
		within(t, func(c *door.Call) {
			if got, err := c.Read(f.Entry, len(want)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("text at the entry point is %x, %v; want %x", got, err, want)
			}
		})
	})
}

func TestAlloc(t *testing.T) {
	eachDoor(t, func(t by) {
		within(t, func(c *door.Call) {
			zero := make([]byte, 1<<20)
			for round := range 3 {
				var held []uint64
				for {
					addr, err := c.Alloc(len(zero))
					if errors.Is(err, door.ErrExhausted) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if b, err := c.Read(addr, len(zero)); err != nil || !bytes.Equal(b, zero) || addr%16 != 0 {
						t.Fatalf("round %d: the block at %#x is dirty, or not aligned: %v", round, addr, err)
					}
					if err := c.Write(addr, bytes.Repeat([]byte{0xff}, len(zero))); err != nil {
						t.Fatal(err)
					}
					held = append(held, addr)
				}
				if len(held) != 3 { // 4 MB less a few bytes
					t.Errorf("round %d: %d blocks of 1 MB", round, len(held))
				}
				for _, addr := range held {
					if c.Free(addr+16) || c.Free(addr-16) || !c.Free(addr) || c.Free(addr) {
						t.Errorf("round %d: freeing %#x", round, addr)
					}
				}
			}
			for _, n := range []int{-1, 4 << 20, 1 << 30, 1<<63 - 1} {
				if addr, err := c.Alloc(n); !errors.Is(err, door.ErrExhausted) {
					t.Errorf("Alloc(%d) = %#x, %v", n, addr, err)
				}
			}
			for _, addr := range []uint64{0, 1, 1<<64 - 1, entry(t)} {
				if c.Free(addr) {
					t.Errorf("freed %#x", addr)
				}
			}
		})
	})
}

// The first block is the door's own.
func TestTheCookieIsNotToBeFreed(t *testing.T) {
	eachDoor(t, func(t by) {
		within(t, func(c *door.Call) {
			addr, err := c.Alloc(1)
			if err != nil || c.Free(addr-16) {
				t.Errorf("freed what precedes the first block; %v", err)
			}
		})
	})
}

// A child may not write over what marks its memory as the arena and have it
// used all the same.
func TestReplacedMemoryIsNotTheArena(t *testing.T) {
	eachDoor(t, func(t by) {
		within(t, func(c *door.Call) {
			addr, err := c.Alloc(1)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Write(addr-16, make([]byte, 16)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Alloc(1); !errors.Is(err, door.ErrFault) {
				t.Errorf("allocated in other memory: %v", err)
			}
			if c.Free(addr) {
				t.Error("freed in other memory")
			}
		})
	})
}
