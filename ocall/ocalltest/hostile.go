package ocalltest

import (
	"net"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

// An Attacker is in the host's place: it lets honest handlers work, and then
// bends what they answer. What is bent is well framed where that can be, so that
// it gets as far as the Check of the call.
//
// What becomes of an answer depends on Seed, on how many calls were made before
// its own and, in a stream, on how many chunks came before; not on the time, nor
// on which of several answers is ready first. Only Replay, MixUp and Reorder,
// which need another answer, take one that there is by then.
type Attacker struct {
	// Ways are taken in turn: the first call's answer is bent in the first way,
	// the second's in the second, and each chunk of a stream in the way that comes
	// after the one before. If none, nothing is bent.
	Ways []Bend
	// Seed decides which bit, and at which length.
	Seed uint64
}

// Hostile is the Pipe of an Attacker whose Seed is 0.
func Hostile(t testing.TB, mux *ocall.Mux, s ocall.Service, ways ...Bend) *ocall.Conn {
	t.Helper()
	return Attacker{Ways: ways}.Pipe(t, mux, s)
}

// Pipe is the function Pipe with the attacker in between.
//
// Never, Late and, while another call is under way, Reorder leave the caller
// waiting: give the call a Timeout.
func (a Attacker) Pipe(t testing.TB, mux *ocall.Mux, s ocall.Service) *ocall.Conn {
	t.Helper()
	here, near := net.Pipe()
	far, there := net.Pipe()
	m := newMiddle(a, near, far)
	var ends sync.WaitGroup
	ends.Go(m.upwards)
	ends.Go(m.downwards)
	t.Cleanup(ends.Wait)
	return join(t, mux, s, here, there)
}
