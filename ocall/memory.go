package ocall

import "slices"

// memory is what calls and streams of a connection may take together.
type memory struct {
	most   uint64 // if zero, there is no bound
	lent   uint64
	passed int // how many went before the one that has waited longest
}

// share is what one call has of it: held by its slot until the host has
// answered, and by its caller until the answer is what the caller wants.
type share struct {
	bytes   uint64
	holders int
}

// admit takes who may go on out of q, if anybody: who has waited longest, or,
// where memory is short for that, somebody who needs less. That is done a number
// of times only, so that nobody waits for ever.
func (m *memory) admit(q *fifo[*calling]) *calling {
	for i, k := range q.waiting() {
		switch {
		case !m.fits(k.method.memory):
			if m.passed >= inFlight {
				return nil
			}
		case i == 0:
			m.passed = 0
			return q.take()
		default:
			m.passed++
			q.keep(slices.Delete(q.waiting(), i, i+1))
			return k
		}
	}
	return nil
}

func (m *memory) fits(n uint64) bool { return m.most == 0 || n <= m.most-m.lent }

func (m *memory) lend(n uint64) *share {
	if m.most == 0 {
		return nil
	}
	m.lent += n
	return &share{bytes: n, holders: 2}
}

// back has one of its holders give s back.
func (m *memory) back(s *share) {
	if s == nil {
		return
	}
	if s.holders--; s.holders == 0 {
		m.lent -= s.bytes
	}
}
