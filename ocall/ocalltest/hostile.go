package ocalltest

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Hostile is Pipe with an attacker in the host's place, who lets the handlers of
// mux work and then bends what they answer: each answer in one way, the ways
// taken in turn. What is bent is well framed where that can be, so that it gets
// as far as the Check of the call. The choices, which bit for instance, are the
// same in each run.
//
// Never, Late and, for a last answer, Reorder leave the caller waiting: give the
// call a Timeout.
func Hostile(t testing.TB, mux *ocall.Mux, s ocall.Service, ways ...Bend) *ocall.Conn {
	t.Helper()
	here, near := net.Pipe()
	far, there := net.Pipe()
	a := &attacker{
		ways: ways, near: near, far: far,
		random: rand.New(rand.NewPCG(1, 2)),
		last:   make(map[uint16][]byte),
		late:   make(map[id]frame),
		gone:   make(map[id]bool),
	}
	var ends sync.WaitGroup
	ends.Go(a.upwards)
	ends.Go(a.downwards)
	t.Cleanup(ends.Wait)
	return join(t, mux, s, here, there)
}

// attacker sits between the trusted half, which is near, and a host, which is
// far.
type attacker struct {
	ways      []Bend
	near, far net.Conn

	mu     sync.Mutex
	random *rand.Rand
	turn   int
	last   map[uint16][]byte // answer of each call
	held   []byte            // until the next
	late   map[id]frame      // until its caller gives up
	gone   map[id]bool       // callers that gave up
}

// Of the wire: see WIRE.md of package ocall.
const (
	headerSize = 16

	kindCancel, kindAnswer, kindFailure, kindChunk = 4, 5, 6, 7
)

// frame is one, header included.
type frame []byte

type id [8]byte

func (f frame) kind() byte   { return f[0] }
func (f frame) call() uint16 { return binary.LittleEndian.Uint16(f[2:]) }
func (f frame) id() id       { return id(f[4:12]) }
func (f frame) body() []byte { return f[headerSize:] }

// with is f with another body.
func (f frame) with(body []byte) frame {
	other := append(bytes.Clone(f[:headerSize]), body...)
	binary.LittleEndian.PutUint32(other[12:], uint32(len(body)))
	return other
}

func readFrame(r io.Reader) (frame, error) {
	f := make(frame, headerSize)
	if _, err := io.ReadFull(r, f); err != nil {
		return nil, err
	}
	f = append(f, make([]byte, binary.LittleEndian.Uint32(f[12:]))...)
	_, err := io.ReadFull(r, f[headerSize:])
	return f, err
}

// upwards carries what the trusted half asks.
func (a *attacker) upwards() {
	defer a.far.Close()
	for {
		f, err := readFrame(a.near)
		if err != nil {
			return
		}
		if f.kind() == kindCancel {
			a.gaveUp(f.id())
		}
		if _, err := a.far.Write(f); err != nil {
			return
		}
	}
}

// gaveUp sends what was to come late.
func (a *attacker) gaveUp(i id) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone[i] = true
	if f := a.late[i]; f != nil {
		delete(a.late, i)
		go a.near.Write(f)
	}
}

// downwards carries what the host answers, bent.
func (a *attacker) downwards() {
	defer a.near.Close()
	for {
		f, err := readFrame(a.far)
		if err != nil {
			return
		}
		if _, err := a.near.Write(a.bent(f)); err != nil {
			io.Copy(io.Discard, a.far) // until the host has seen the end
			return
		}
	}
}

// bent is what comes of f: other bytes, or none yet.
func (a *attacker) bent(f frame) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k := f.kind(); len(a.ways) == 0 || k != kindAnswer && k != kindFailure && k != kindChunk {
		return f
	}
	way := a.ways[a.turn%len(a.ways)]
	a.turn++
	b := a.bend(way, f)
	if a.last[f.call()] = f.body(); way != Reorder {
		b, a.held = append(b, a.held...), nil
	}
	return b
}

func (a *attacker) bend(way Bend, f frame) []byte {
	body := bytes.Clone(f.body())
	switch way {
	case Flip:
		if len(body) > 0 {
			body[a.random.IntN(len(body))] ^= 1 << a.random.IntN(8)
		}
	case Truncate:
		if len(body) > 0 {
			body = body[:a.random.IntN(len(body))]
		}
	case Duplicate:
		if f.kind() == kindChunk {
			return append(bytes.Clone(f), f...)
		}
		body = append(body, body...)
	case Replay:
		if last, ok := a.last[f.call()]; ok {
			body = last
		}
	case MixUp:
		body = a.another(f)
	default:
		return a.delay(way, f)
	}
	return f.with(body)
}

// another is what a call that is not f's was answered last.
func (a *attacker) another(f frame) []byte {
	for call, body := range a.last {
		if call != f.call() {
			return body
		}
	}
	return f.body()
}

// delay bends the frame and not its body.
func (a *attacker) delay(way Bend, f frame) []byte {
	switch way {
	case Oversize:
		f = bytes.Clone(f)
		binary.LittleEndian.PutUint32(f[12:], 1<<31)
	case Never:
		return nil
	case Twice:
		return append(bytes.Clone(f), f...)
	case Late:
		if !a.gone[f.id()] {
			a.late[f.id()] = f
			return nil
		}
	case Reorder:
		if a.held == nil {
			a.held = f
			time.AfterFunc(20*time.Millisecond, a.release)
			return nil
		}
		f, a.held = append(bytes.Clone(f), a.held...), nil
	}
	return f
}

// release lets go of what was held, since nothing came after it.
func (a *attacker) release() {
	a.mu.Lock()
	held := a.held
	a.held = nil
	a.mu.Unlock()
	if held != nil {
		a.near.Write(held)
	}
}
