package sealing

import (
	"context"
	"sync"
)

// Version is what a [Guard] remembers of a name: which blob is the latest. The
// zero Version is none.
type Version struct {
	Number uint64   // 1 for the first
	Digest [32]byte // [Header.Digest] of the blob
}

// Guard remembers, outside the machine whose disk is not trusted, which
// version of every name is the latest. What it promises is all that stands
// between a [File] and its older versions: it must not itself be something
// that the host can bring back to an older state. A store that runs on the
// host's machines only, or that the host can write to, protects nothing.
//
// Guards are safe for concurrent use.
type Guard interface {
	// Current returns the entry of name, and the zero Version if there is none.
	// It must be the latest at some moment during the call, not one before.
	Current(ctx context.Context, name string) (Version, error)

	// Advance replaces the entry old by the entry new, or does nothing and
	// returns an error that wraps [ErrConflict] if the entry is not old. The
	// zero Version as old means that there must be no entry. When it returns
	// nil, the entry is durable; after another error it may be either.
	Advance(ctx context.Context, name string, old, new Version) error
}

// MemoryGuard is a Guard for tests: it forgets everything when the process
// ends, so that nothing is protected. The zero MemoryGuard is empty.
type MemoryGuard struct {
	mu      sync.Mutex
	entries map[string]Version
}

var _ Guard = (*MemoryGuard)(nil)

// Current implements [Guard].
func (g *MemoryGuard) Current(ctx context.Context, name string) (Version, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.entries[name], ctx.Err()
}

// Advance implements [Guard].
func (g *MemoryGuard) Advance(ctx context.Context, name string, old, new Version) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case g.entries[name] != old:
		return ErrConflict
	case g.entries == nil:
		g.entries = map[string]Version{}
	}
	g.entries[name] = new
	return nil
}
