package ocall

import "slices"

// slot is a place for a call in flight, in trusted memory. What the host says
// about a call is compared with its slot and changes nothing else.
type slot struct {
	id      id       // generation: how often the slot was used before
	at      position // of its request
	call    *method
	calling *calling // nil: nobody waits any more, and the answer will be dropped
	flow    *flow    // of a stream
	share   *share   // of memory
}

// idle reports whether the slot may be used: its last use was answered.
func (s *slot) idle() bool { return s.call == nil }

func (s *slot) header(k kind) header { return header{kind: k, call: s.call.index, id: s.id} }

// match finds the slot that h is about. Nothing has been set aside for the body
// yet.
func (l *line) match(h header) (*slot, error) {
	if h.id.slot >= inFlight || l.slots[h.id.slot].idle() || l.slots[h.id.slot].id != h.id {
		return nil, violation("a frame of kind %d for no call", h.kind)
	}
	s := &l.slots[h.id.slot]
	if !l.out.offered(s.at) {
		return nil, violation("%s: answered before it was asked", s.call.name)
	}
	if s.call.index != h.call {
		return nil, violation("%s: answered as another call", s.call.name)
	}
	least, most, ok := s.call.bounds(h.kind)
	if !ok {
		return nil, violation("%s: a frame of kind %d", s.call.name, h.kind)
	}
	if h.length < least || h.length > most {
		return nil, violation("%s: a frame of kind %d and %d bytes, %d allowed", s.call.name, h.kind, h.length, most)
	}
	return s, nil
}

// bounds are the lengths of what the host may send during a call.
func (m *method) bounds(k kind) (least, most uint32, ok bool) {
	stream := m.stream != nil
	switch {
	case k == kindFailure:
		return 1, 1 + maxMessage, true
	case k == kindAnswer && !stream:
		return 0, m.maxResponse, true
	case k == kindAnswer:
		return endSize, endSize, true
	case k == kindChunk && stream:
		return 0, m.stream.maxDown, true
	case k == kindCredit && stream:
		return creditSize, creditSize, true
	}
	return 0, 0, false
}

// calling is what a call needs besides its slot: one frame, room for the header
// in front, and a place for the answer. One result comes to each, whatever
// happens.
type calling struct {
	frame    []byte
	tail     []byte      // of its body, the caller's own: only while start runs
	mine     bool        // start is to write it
	done     chan result // holds one
	keeps    bool        // the answer is its caller's for good
	body     []byte      // for short ones that nobody keeps
	lent     []byte      // the answer, if nobody keeps it
	method   *method
	slot     *slot
	flow     *flow // of a stream
	share    *share
	line     *line // that the share is of
	deadline deadline
}

// result is an answer as it came, a response or a host's error, or what is
// concluded without one.
type result struct {
	body   []byte
	failed bool
	err    error
}

func newCalling() *calling {
	return &calling{frame: make([]byte, headerSize, 256), done: make(chan result, 1)}
}

// turns are places for so many calls, taken in the order in which they were
// asked for.
type turns struct {
	most    int // if zero, there is no limit
	running int
	waiting fifo[*calling]
}

// enter reports whether k may go on; otherwise it waits.
func (t *turns) enter(k *calling) bool {
	if t.most > 0 && t.running >= t.most {
		t.waiting.push(k)
		return false
	}
	t.running++
	return true
}

// leave returns who may go on instead, if anybody.
func (t *turns) leave() *calling {
	if t.waiting.len() > 0 {
		return t.waiting.take()
	}
	t.running--
	return nil
}

// remove takes k out of q, and reports whether it waited there.
func remove(q *fifo[*calling], k *calling) bool {
	i := slices.Index(q.waiting(), k)
	if i >= 0 {
		q.keep(slices.Delete(q.waiting(), i, i+1))
	}
	return i >= 0
}
