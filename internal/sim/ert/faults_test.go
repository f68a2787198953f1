package ert_test

import (
	"encoding/binary"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// faulty are calls that succeed on a sound memory.
func faulty(m *memory) map[string]struct {
	number int
	args   [6]uint64
} {
	self := newCPU(1)
	report := self.Report(self.body.Target(), [64]byte{})
	data := m.put(input, []byte("data"))
	local := m.put(input2, oe.Report(report.Append(nil), false))
	request := m.put(input2+0x1000, (&sgx.KeyRequest{Name: sgx.KeySeal}).Append(nil))
	bound := self.Report(self.body.Target(), hashed([]byte("claims")))
	evidence := m.put(evidenceAt, oe.Evidence(oe.FormatLocal, append(bound.Append(nil), "claims"...)))
	return map[string]struct {
		number int
		args   [6]uint64
	}{
		"remote report": {oe.CallRemoteReport, [6]uint64{data, 4, 0, 0, addrAt, sizeAt}},
		"local report":  {oe.CallLocalReport, [6]uint64{data, 4, local, 448, addrAt, sizeAt}},
		"verify":        {oe.CallVerifyReport, [6]uint64{local, 448, input + dataBase + 0x800}},
		"key":           {oe.CallSealKey, [6]uint64{request, 512, addrAt, sizeAt}},
		"key by policy": {oe.CallSealKeyByPolicy, [6]uint64{1, addrAt, sizeAt, addr2At, size2At}},
		"evidence":      {oe.CallVerifyEvidence, [6]uint64{evidence, 32 + 432 + 6, addrAt, sizeAt}},
	}
}

// The n-th access fails, or all from the n-th on, for every n: the call fails,
// leaves nothing allocated, and gives no address away.
func TestFaults(t *testing.T) {
	for name, test := range faulty(newMemory(room)) {
		for kind, fails := range map[string]func(count, n int) bool{
			"one": func(count, n int) bool { return count == n },
			"all": func(count, n int) bool { return count >= n },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				for n := 1; ; n++ {
					r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
					faulty(m)
					r.Call(m, oe.CallResultText, [6]uint64{}) // places the texts
					m.count, m.fail = 0, func(count int) bool { return fails(count, n) }
					got := oe.Result(r.Call(m, test.number, test.args))
					if m.count < n {
						if got != oe.OK || n < 3 {
							t.Fatalf("without a fault, after %d accesses: %v", m.count, got)
						}
						return
					}
					if got == oe.OK {
						t.Errorf("access %d fails and the call does not", n)
					}
					if len(m.live) != 1 {
						t.Errorf("access %d fails: %d allocations are left", n, len(m.live)-1)
					}
					// With everything failing there is no taking back an address.
					if a := m.word(addrAt); a != 0 && a != 0xAAAAAAAAAAAAAAAA {
						t.Errorf("access %d fails: the address %#x is given away", n, a)
					}
					if a := m.word(addr2At); kind == "one" && a != 0 && a != 0xAAAAAAAAAAAAAAAA {
						t.Errorf("access %d fails: the second address %#x is given away", n, a)
					}
				}
			})
		}
	}
}

// The same while the texts are being placed: that may fail and be made up for.
func TestFaultsOfTexts(t *testing.T) {
	for n := 1; n <= 2; n++ {
		r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
		m.fail = func(count int) bool { return count == n }
		call(t, r, m, oe.CallLocalReport, 0, 0, 0, 0, addrAt, sizeAt)
		if len(m.live) != 1 {
			t.Errorf("access %d fails: %d allocations, want that of the report", n, len(m.live))
		}
		if got := m.text(r.Call(m, oe.CallResultText, [6]uint64{5})); got != "OE_OUT_OF_MEMORY" {
			t.Errorf("access %d fails: then the text is %q", n, got)
		}
	}
}

// Whatever room is left, a call either fits or leaves it as it was.
func TestExhaustion(t *testing.T) {
	const most = 2000
	for name, test := range faulty(newMemory(room)) {
		if test.number == oe.CallVerifyReport {
			continue // allocates nothing
		}
		t.Run(name, func(t *testing.T) {
			for left := range most {
				r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
				faulty(m)
				r.Call(m, oe.CallResultText, [6]uint64{})
				used := 0
				for _, size := range m.live {
					used += size
				}
				m.arena = m.arena[:used+left]
				got := oe.Result(r.Call(m, test.number, test.args))
				if got != oe.OK && (got != oe.OutOfMemory || len(m.live) != 1) {
					t.Fatalf("%d bytes left: %v, %d allocations", left, got, len(m.live))
				}
				if (left == 0) != (got != oe.OK) && (left == 0 || left == most-1) {
					t.Fatalf("%d bytes left: %v", left, got)
				}
			}
		})
	}
}

// The claims of a quote take the most memory: without it, the verdict is that
// there is none, whatever it would have been.
func TestExhaustionByClaims(t *testing.T) {
	for status, want := range map[string]oe.Result{"UpToDate": oe.OK, "Revoked": oe.TCBLevelInvalid} {
		p := newPlatform(t)
		p.tcbInfo = levels(status)
		report := oe.Report(p.quote(newCPU(1).body), true)
		m := newMemory(room)
		if got := verifyEvidence(ert.New(newCPU(1), p), m, report); got != want {
			t.Fatal(got)
		}
		used := 0
		for _, size := range m.live {
			used += size
		}
		// Signatures are of one length or another.
		for left, want := range map[int]oe.Result{used + 100: want, used - 100: oe.OutOfMemory, used / 2: oe.OutOfMemory} {
			r, m := ert.New(newCPU(1), p), newMemory(left)
			if got := verifyEvidence(r, m, report); got != want {
				t.Errorf("%s: %v with %d bytes of %d", status, got, left, used)
			}
			if got := m.text(r.Call(m, oe.CallResultText, [6]uint64{uint64(oe.OutOfMemory)})); got != "OE_OUT_OF_MEMORY" {
				t.Errorf("the text is %q", got)
			}
		}
	}
}

// FuzzCall makes two calls with any arguments: the second may use what the
// first left behind.
func FuzzCall(f *testing.F) {
	for _, test := range faulty(newMemory(room)) {
		f.Add(test.number, arguments(test.args[:]...), uint8(0), []byte("some memory"))
		f.Add(test.number, arguments(test.args[:]...), uint8(3), []byte{1, 0, 0, 0, 2, 0, 0, 0})
	}
	p := newPlatform(f)
	report := oe.Report(p.quote(newCPU(1).body), true)
	f.Add(oe.CallVerifyEvidence, arguments(dataBase+evidenceAt, uint64(len(report)), addrAt, sizeAt), uint8(0), report)
	f.Add(oe.CallVerifyReport, arguments(dataBase+evidenceAt, uint64(len(report)), addrAt), uint8(0), report)
	f.Fuzz(func(t *testing.T, number int, b []byte, fault uint8, data []byte) {
		r, m := ert.New(newCPU(1), p), newMemory(room)
		faulty(m)
		copy(m.data[input:], data)
		copy(m.data[evidenceAt:], data)
		m.fail = func(count int) bool { return fault != 0 && count%int(fault) == 0 }
		var args [6]uint64
		for i := range min(len(b)/8, 6) {
			args[i] = binary.LittleEndian.Uint64(b[i*8:])
		}
		for range 2 {
			before := len(m.live)
			got := r.Call(m, number, args)
			if number != oe.CallResultText && oe.Result(got) >= oe.Results {
				t.Errorf("answers %#x", got)
			}
			if after := len(m.live); !delivers(number, oe.Result(got)) && number != oe.CallResultText && after > before+1 {
				t.Errorf("%v, and %d new allocations", oe.Result(got), after-before)
			}
		}
	})
}

func arguments(args ...uint64) (b []byte) {
	for _, a := range args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

// delivers reports whether a call that returns so has left something.
func delivers(number int, result oe.Result) bool {
	return result == oe.OK || number == oe.CallVerifyEvidence && result == oe.TCBLevelInvalid
}
