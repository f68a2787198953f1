package door

import (
	"errors"
	"slices"
)

// MaxTransfer is the most that one Read or Write moves.
const MaxTransfer = 16 << 20

var (
	// ErrFault says that the child has no such memory, may not access it so,
	// or that the transfer is longer than MaxTransfer.
	ErrFault = errors.New("bad address in the child")

	// ErrGone says that the calling thread has ended.
	ErrGone = errors.New("the caller has ended")
)

// Call is one runtime call. It is valid until the Handler returns; its methods
// are for the goroutine that has it.
type Call struct {
	Number int       // 1000 to 1009
	Args   [6]uint64 // as they stood in the registers

	caller caller
	arena  *arena
	made   []uint64 // allocated, to be taken back if the answer is not wanted
}

// caller is the memory of the calling thread.
type caller interface {
	read(addr uint64, b []byte) error
	write(addr uint64, b []byte) error
}

// Read copies n bytes of the child's memory. The child runs on: what is read
// twice may differ. An empty read succeeds wherever it points.
func (c *Call) Read(addr uint64, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n < 0 || n > MaxTransfer {
		return nil, ErrFault
	}
	b := make([]byte, n)
	if err := c.caller.read(addr, b); err != nil {
		return nil, err
	}
	return b, nil
}

// Write copies b into the child's memory. After an error part of it may be
// there.
func (c *Call) Write(addr uint64, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if len(b) > MaxTransfer {
		return ErrFault
	}
	return c.caller.write(addr, b)
}

// Alloc reserves n bytes of zeros in the child, at an address divisible by
// 16, until a Free. The error is ErrExhausted when there is no room, and
// ErrFault when the child has unmapped or overwritten what it is taken from.
func (c *Call) Alloc(n int) (uint64, error) {
	addr, err := c.arena.alloc(c.caller, n)
	if err == nil {
		c.made = append(c.made, addr)
	}
	return addr, err
}

// Free takes back what an Alloc, of this or another call, returned. It reports
// whether that is what addr was.
func (c *Call) Free(addr uint64) bool {
	c.made = slices.DeleteFunc(c.made, func(a uint64) bool { return a == addr })
	return c.arena.release(c.caller, addr)
}

// undo takes back what the call allocated.
func (c *Call) undo() {
	for _, addr := range c.made {
		c.arena.blocks.free(addr)
	}
}
