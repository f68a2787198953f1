package ocalltest

import "fmt"

// A Bend is what an attacker does to each answer of the host, and to each chunk
// of its streams. Zero is none. An empty body cannot be flipped, truncated or
// doubled, and passes.
type Bend int

const (
	Flip      Bend = iota + 1 // one bit of the body
	Truncate                  // the body, at some length
	Duplicate                 // the body once more behind itself; a chunk once more
	Reorder                   // after the one that comes next; if no other call is under way, none will
	Replay                    // what the same call was answered before
	MixUp                     // what another call was answered last
	Oversize                  // a length over any limit
	Never                     // nothing comes
	Late                      // only once the caller gave up
	Twice                     // and again
)

var names = [...]string{"none", "flip", "truncate", "duplicate", "reorder", "replay", "mix up", "oversize", "never", "late", "twice"}

func (b Bend) String() string {
	if b < 0 || int(b) >= len(names) {
		return fmt.Sprintf("Bend(%d)", int(b))
	}
	return names[b]
}

// Bends are all of them.
func Bends() []Bend {
	return []Bend{Flip, Truncate, Duplicate, Reorder, Replay, MixUp, Oversize, Never, Late, Twice}
}
