package ocalltest

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
)

// middle sits between the trusted half, which is near, and a host, which is
// far.
type middle struct {
	Attacker
	near, far net.Conn

	mu    sync.Mutex
	asked uint64               // calls until now
	calls map[id]*call         // that the host has not answered
	last  map[uint16]*answered // of each call
	held  []byte               // until the next
	late  map[id][]byte        // until its caller gives up
}

// call is one that the host has not answered.
type call struct {
	order  uint64 // how many were made before it
	chunks uint64 // that have come
	gone   bool   // its caller gave up
}

// answered is what came from the host, and when in the order of calls.
type answered struct {
	order, chunk uint64
	body         []byte
}

func newMiddle(a Attacker, near, far net.Conn) *middle {
	return &middle{
		Attacker: a, near: near, far: far,
		calls: make(map[id]*call),
		last:  make(map[uint16]*answered),
		late:  make(map[id][]byte),
	}
}

// upwards carries what the trusted half asks.
func (m *middle) upwards() {
	defer m.far.Close()
	for {
		f, err := readFrame(m.near)
		if err != nil {
			return
		}
		switch f.kind() {
		case kindRequest:
			m.ask(f.id())
		case kindCancel:
			m.gaveUp(f.id())
		}
		if _, err := m.far.Write(f); err != nil {
			return
		}
	}
}

func (m *middle) ask(i id) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[i] = &call{order: m.asked}
	m.asked++
}

// gaveUp sends what was to come late, and what was held for what will not come.
func (m *middle) gaveUp(i id) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.calls[i]; c != nil {
		c.gone = true
	}
	b := m.late[i]
	delete(m.late, i)
	if !m.waiting() {
		b, m.held = append(b, m.held...), nil
	}
	if len(b) > 0 {
		go m.near.Write(b)
	}
}

// waiting reports whether anybody waits for an answer that the host has yet to
// give.
func (m *middle) waiting() bool {
	for _, c := range m.calls {
		if !c.gone {
			return true
		}
	}
	return false
}

// downwards carries what the host answers, bent.
func (m *middle) downwards() {
	defer m.near.Close()
	for {
		f, err := readFrame(m.far)
		if err != nil {
			return
		}
		if _, err := m.near.Write(m.bent(f)); err != nil {
			io.Copy(io.Discard, m.far) // until the host has seen the end
			return
		}
	}
}

// bent is what comes of f: other bytes, or none yet.
func (m *middle) bent(f frame) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.calls[f.id()]
	if f.final() {
		delete(m.calls, f.id())
	}
	if c == nil || len(m.Ways) == 0 || !f.final() && f.kind() != kindChunk {
		return f
	}
	way := m.Ways[(c.order+c.chunks)%uint64(len(m.Ways))]
	b := m.bend(way, f, c)
	m.remember(&answered{c.order, c.chunks, f.body()}, f.call())
	c.chunks++
	if way != Reorder {
		b, m.held = append(b, m.held...), nil
	}
	return b
}

func (m *middle) remember(a *answered, call uint16) {
	if last := m.last[call]; last == nil || last.before(a) {
		m.last[call] = a
	}
}

func (a *answered) before(b *answered) bool {
	return a.order < b.order || a.order == b.order && a.chunk < b.chunk
}

func (m *middle) bend(way Bend, f frame, c *call) []byte {
	random := rand.New(rand.NewPCG(m.Seed, c.order<<32|c.chunks))
	body := bytes.Clone(f.body())
	switch way {
	case Flip:
		if len(body) > 0 {
			body[random.IntN(len(body))] ^= 1 << random.IntN(8)
		}
	case Truncate:
		if len(body) > 0 {
			body = body[:random.IntN(len(body))]
		}
	case Duplicate:
		if f.kind() == kindChunk {
			return f.twice()
		}
		body = append(body, body...)
	case Replay:
		if last := m.last[f.call()]; last != nil {
			body = last.body
		}
	case MixUp:
		if other := m.another(f.call()); other != nil {
			body = other.body
		}
	default:
		return m.delay(way, f, c)
	}
	return f.with(body)
}

// another is the last answer of a call that is not this one.
func (m *middle) another(this uint16) (last *answered) {
	for call, a := range m.last {
		if call != this && (last == nil || last.before(a)) {
			last = a
		}
	}
	return last
}

// delay bends the frame and not its body.
func (m *middle) delay(way Bend, f frame, c *call) []byte {
	switch way {
	case Oversize:
		f = bytes.Clone(f)
		binary.LittleEndian.PutUint32(f[12:], 1<<31)
	case Never:
		return nil
	case Twice:
		return f.twice()
	case Late:
		if !c.gone {
			m.late[f.id()] = append(m.late[f.id()], f...)
			return nil
		}
	case Reorder:
		if m.held == nil && m.waiting() {
			m.held = f
			return nil
		}
		f, m.held = append(bytes.Clone(f), m.held...), nil
	}
	return f
}
