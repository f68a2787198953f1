package ocall

import (
	"slices"
	"sync"
)

// shelf has long buffers that nobody uses any more, for the next message that is
// as long. Its zero value is empty. Safe for concurrent use.
type shelf struct {
	mu      sync.Mutex
	buffers [][]byte // put here longest ago first
	bytes   int      // of all
}

// take returns an empty buffer with room for n bytes, and no more than most; or
// nil.
func (s *shelf) take(n, most int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range slices.Backward(s.buffers) { // the last is in the processor's cache
		if n <= cap(b) && cap(b) <= most {
			s.buffers, s.bytes = slices.Delete(s.buffers, i, i+1), s.bytes-cap(b)
			return b[:0]
		}
	}
	return nil
}

// put keeps b if it is long, in place of what was put here longest ago.
func (s *shelf) put(b []byte) {
	if cap(b) <= keepBuffer || cap(b) > keepLong {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes+cap(b) > keepLong {
		s.bytes -= cap(s.buffers[0])
		s.buffers = slices.Delete(s.buffers, 0, 1)
	}
	s.buffers, s.bytes = append(s.buffers, b), s.bytes+cap(b)
}
