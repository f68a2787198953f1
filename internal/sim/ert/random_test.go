package ert_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// guesser makes up calls from what might be right.
type guesser struct {
	*rand.Rand
	m     *memory
	pool  []uint64 // addresses and sizes
	write func()   // puts back what a call may have overwritten
}

func newGuesser(m *memory, p *platform, seed uint64) *guesser {
	g := &guesser{Rand: rand.New(rand.NewPCG(seed, 1)), m: m}
	report := oe.Report(p.quote(newCPU(1).body), true)
	g.write = func() { faulty(m); m.put(0x8000, report) }
	g.write()
	g.pool = []uint64{0, 1, 2, 3, 16, 64, 65, 432, 448, 470, 512, uint64(len(report)), math.MaxUint64, math.MaxInt64, wild,
		dataBase, dataBase + input, dataBase + input2, dataBase + input2 + 0x1000, dataBase + evidenceAt, dataBase + 0x8000, dataBase + 1<<16 - 4,
		addrAt, sizeAt, addr2At, size2At, addrAt, sizeAt, addr2At, size2At}
	return g
}

// call is one of the right shape in half of all cases.
func (g *guesser) call() (number int, args [6]uint64) {
	number = oe.CallRemoteReport - 1 + g.IntN(12)
	for i := range args {
		args[i] = g.pool[g.IntN(len(g.pool))]
		if g.IntN(20) == 0 {
			args[i] = g.Uint64()
		}
	}
	for _, right := range faulty(g.m) {
		if right.number == number && g.IntN(2) == 0 {
			args = right.args
			args[g.IntN(6)] = g.pool[g.IntN(len(g.pool))]
		}
	}
	return number, args
}

// outputs are where the call writes addresses, and for each where its number.
func outputs(number int, a [6]uint64) [][2]uint64 {
	switch number {
	case oe.CallRemoteReport, oe.CallLocalReport:
		return [][2]uint64{{a[4], a[5]}}
	case oe.CallSealKey, oe.CallVerifyEvidence:
		return [][2]uint64{{a[2], a[3]}}
	case oe.CallSealKeyByPolicy:
		return [][2]uint64{{a[1], a[2]}, {a[3], a[4]}}
	}
	return nil
}

// wellFormed says what is wrong with what a call has delivered. Where the
// outputs overlap, the process has asked for nonsense.
func (m *memory) wellFormed(number int, a [6]uint64) error {
	all := map[uint64]bool{}
	outs := outputs(number, a)
	for _, o := range outs {
		all[o[0]], all[o[1]] = true, true
	}
	if len(all) != 2*len(outs) || all[0] {
		return nil
	}
	for i, o := range outs {
		addr, n := m.word(o[0]), m.word(o[1])
		size, live := m.live[addr]
		if !live {
			return fmt.Errorf("%#x was not allocated", addr)
		}
		if number == oe.CallVerifyEvidence {
			if err := m.wellFormedClaims(addr, size, n); err != nil {
				return err
			}
			continue
		}
		if uint64(size) != n {
			return fmt.Errorf("%d bytes of %d", n, size)
		}
		if !wellFormedBytes(number, i, m.bytes(o[0], o[1])) {
			return fmt.Errorf("output %d is %x", i, m.bytes(o[0], o[1]))
		}
	}
	return nil
}

func wellFormedBytes(number, i int, b []byte) bool {
	switch {
	case number == oe.CallRemoteReport || number == oe.CallLocalReport:
		kind, _, err := oe.ParseReport(b)
		return err == nil && (kind == oe.Remote) == (number == oe.CallRemoteReport)
	case i == 0:
		return len(b) == 16
	}
	_, err := sgx.ParseKeyRequest(b)
	return err == nil
}

func (m *memory) wellFormedClaims(addr uint64, size int, n uint64) error {
	block := must(m.Read(addr, size))
	for i := range n {
		name := binary.LittleEndian.Uint64(block[24*i:]) - addr
		value, length := binary.LittleEndian.Uint64(block[24*i+8:])-addr, binary.LittleEndian.Uint64(block[24*i+16:])
		if name < 24*n || name >= uint64(size) || bytes.IndexByte(block[name:], 0) < 1 || value < 24*n || value+length > uint64(size) {
			return fmt.Errorf("claim %d of %d is not in its block", i, n)
		}
	}
	return nil
}

// Whatever a process asks for, the answer is well formed, nothing stays
// allocated that it was not told of, and everything can be freed.
func TestRandomCalls(t *testing.T) {
	p := newPlatform(t)
	answered := map[int]int{}
	for seed := range uint64(4) {
		r, m := ert.New(newCPU(1), p), newMemory(1<<20)
		g := newGuesser(m, p, seed)
		r.Call(m, oe.CallResultText, [6]uint64{})
		texts := maps.Clone(m.live)
		for i := range 2000 {
			number, args := g.call()
			before := maps.Clone(m.live)
			result := oe.Result(r.Call(m, number, args))
			switch {
			case number == oe.CallResultText:
				if m.text(uint64(result)) != oe.Result(uint32(args[0])).String() {
					t.Errorf("%#x is not a text", uint64(result))
				}
			case result >= oe.Results:
				t.Errorf("call %d %#x answers %#x", number, args, uint64(result))
			case delivers(number, result):
				answered[number]++
				if err := m.wellFormed(number, args); err != nil {
					t.Errorf("call %d %#x: %v", number, args, err)
				}
			case !maps.Equal(before, m.live) && number != oe.CallFreeSealKey:
				t.Errorf("call %d %#x: %v, and %d allocations instead of %d", number, args, result, len(m.live), len(before))
			}
			if i%20 == 0 {
				g.write()
				for addr := range m.live {
					if texts[addr] == 0 {
						call(t, r, m, oe.CallFreeReport, addr)
					}
				}
			}
		}
	}
	for _, number := range []int{oe.CallRemoteReport, oe.CallVerifyReport, oe.CallSealKey, oe.CallSealKeyByPolicy, oe.CallVerifyEvidence, oe.CallLocalReport} {
		if answered[number] < 5 {
			t.Errorf("call %d has succeeded %d times only", number, answered[number])
		}
	}
}

// Many threads of a process at once: each gets its own answers.
func TestConcurrentAnswers(t *testing.T) {
	machine := must(sim.Open(filepath.Join(t.TempDir(), "machine")))
	r, m := ert.New(machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}, SVN: 3}), machine), newMemory(4<<20)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			// A corner of the memory for each: outputs, then input.
			c := corner{t, r, m, uint64(0x1000 + 0xE00*i)}
			for round := range 8 {
				c.attest(fmt.Sprintf("thread %d, round %d", i, round))
			}
		})
	}
	wg.Wait()
	if len(m.live) != 1 {
		t.Errorf("%d allocations are left beside the texts", len(m.live)-1)
	}
}

type corner struct {
	t  *testing.T
	r  *ert.Runtime
	m  *memory
	at uint64
}

func (c corner) call(number int, args ...uint64) (addr, n uint64) {
	var a [6]uint64
	copy(a[:], args)
	if got := oe.Result(c.r.Call(c.m, number, a)); got != oe.OK {
		c.t.Errorf("call %d: %v", number, got)
	}
	out := must(c.m.Read(dataBase+c.at, 16))
	return binary.LittleEndian.Uint64(out), binary.LittleEndian.Uint64(out[8:])
}

func (c corner) attest(said string) {
	out, in := dataBase+c.at, dataBase+c.at+16
	c.m.Write(in, []byte(said))
	for _, number := range []int{oe.CallRemoteReport, oe.CallLocalReport} {
		report, size := c.call(number, in, uint64(len(said)), 0, 0, out, out+8)
		b := must(c.m.Read(report, int(size)))
		if !bytes.Contains(b, append([]byte(said), make([]byte, 64-len(said))...)) {
			c.t.Errorf("the report of %q is of something else", said)
		}
		if number == oe.CallRemoteReport {
			c.verify(report, size, said)
		}
		c.call(oe.CallFreeReport, report)
	}
}

func (c corner) verify(report, size uint64, said string) {
	out := dataBase + c.at
	claims, n := c.call(oe.CallVerifyEvidence, report, size, out, out+8)
	last := must(c.m.Read(claims+24*(n-1), 24))
	value := must(c.m.Read(binary.LittleEndian.Uint64(last[8:]), len(said)))
	if n != 33 || string(value) != said {
		c.t.Errorf("%d claims, of %q where it was %q", n, value, said)
	}
	c.call(oe.CallFreeClaims, claims, n)
}
