package ocall

// slot is a place for a call in flight, in trusted memory. What the host says
// about a call is compared with its slot and changes nothing else.
type slot struct {
	index      uint32
	result     chan result // holds one
	generation uint32      // how often the slot was used before
	state      state
	call       *method
}

type state uint8

const (
	idle    state = iota
	waiting       // a caller waits for the answer
	given         // up by its caller: the answer will be dropped
)

// result is an answer as it came: a response, or a host's message.
type result struct {
	body   []byte
	failed bool
}

// occupy makes s wait for an answer to m, and names it.
func (c *Conn) occupy(s *slot, m *method) id {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.state, s.call = waiting, m
	return id{s.index, s.generation}
}

// giveUp leaves s to the late answer, because of err; unless the answer came
// meanwhile.
func (c *Conn) giveUp(s *slot, h header, err error) (result, error) {
	c.mu.Lock()
	late := s.state == waiting
	if late {
		s.state = given
	}
	c.mu.Unlock()
	if !late {
		r := <-s.result
		c.free <- s
		return r, nil
	}
	h.kind, h.length = kindCancel, 0
	if err := c.out.write(h.append(nil)); err != nil {
		c.fail(err)
	}
	return result{}, err
}

// read takes answers until the connection ends or the host breaks the protocol.
func (c *Conn) read() {
	for {
		if err := c.readAnswer(); err != nil {
			c.fail(err)
			return
		}
	}
}

func (c *Conn) readAnswer() error {
	h, err := c.in.header()
	if err != nil {
		return err
	}
	s, wanted, err := c.match(h)
	if err != nil {
		return err
	}
	if !wanted {
		err = c.in.skip(h.length)
		c.settle(s, result{})
		return err
	}
	body, err := c.in.body(h.length)
	if err == nil {
		c.settle(s, result{body, h.kind == kindFailure})
	}
	return err
}

// match finds the slot that h answers, and whether its caller still waits.
// Nothing has been set aside for the body yet.
func (c *Conn) match(h header) (s *slot, wanted bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.kind != kindAnswer && h.kind != kindFailure {
		return nil, false, violation("a frame of kind %d", h.kind)
	}
	if h.id.slot >= inFlight {
		return nil, false, violation("an answer to no call")
	}
	s = &c.slots[h.id.slot]
	if s.state == idle || s.generation != h.id.generation {
		return nil, false, violation("an answer to no call")
	}
	if s.call.index != h.call {
		return nil, false, violation("%s: answered as another call", s.call.name)
	}
	if most := s.most(h.kind); h.length > most {
		return nil, false, violation("%s: an answer of %d bytes, %d allowed", s.call.name, h.length, most)
	}
	return s, s.state == waiting, nil
}

func (s *slot) most(k kind) uint32 {
	if k == kindFailure {
		return maxMessage
	}
	return s.call.maxResponse
}

// settle ends the use of s: from here on a second answer is an answer to no
// call.
func (c *Conn) settle(s *slot, r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := s.state == waiting
	s.state, s.generation, s.call = idle, s.generation+1, nil
	if wanted {
		s.result <- r
		return
	}
	c.late.Add(1)
	c.free <- s
}
