//go:build linux && amd64

package ego_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/ego"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

// answer is one of the runtime's, before the platform reads it.
type answer struct {
	t          *testing.T
	s          *simulated
	addr, size uintptr // where they are written
	result     uintptr
	errno      syscall.Errno
}

// bytes replaces what the buffer holds, and its size.
func (a *answer) bytes(b []byte) {
	a.s.set(a.t, a.s.word(a.t, a.addr), b)
	a.s.setWord(a.t, a.size, uint64(len(b)))
}

func (a *answer) xor(offset uint64, mask byte) {
	at := a.s.word(a.t, a.addr) + offset
	b, err := a.s.Read(at, 1)
	if err != nil {
		a.t.Fatal(err)
	}
	a.s.set(a.t, at, []byte{b[0] ^ mask})
}

func (a *answer) resize(by int) {
	a.s.setWord(a.t, a.size, a.s.word(a.t, a.size)+uint64(by))
}

// Offsets in a report behind its header; in a quote they are 48 more.
const (
	miscSelectAt = 16 + 16
	reservedAt   = 16 + 21
	flagsAt      = 16 + 48
	mrenclaveAt  = 16 + 64
	mrsignerAt   = 16 + 128
	svnAt        = 16 + 258
	dataAt       = 16 + 320
)

// spoilt are ways to spoil any answer. Those which hide the address cannot be
// freed.
var spoilt = map[string]struct {
	hides bool
	spoil func(*answer)
}{
	"ENOSYS":         {true, func(a *answer) { a.errno = syscall.ENOSYS }},
	"EINTR":          {true, func(a *answer) { a.errno = syscall.EINTR }},
	"failure":        {true, func(a *answer) { a.result = uintptr(oe.Failure) }},
	"unsupported":    {true, func(a *answer) { a.result = uintptr(oe.Unsupported) }},
	"no address":     {true, func(a *answer) { a.s.setWord(a.t, a.addr, 0) }},
	"no size":        {false, func(a *answer) { a.s.setWord(a.t, a.size, 0) }},
	"nothing":        {true, func(a *answer) { a.s.setWord(a.t, a.addr, 0); a.s.setWord(a.t, a.size, 0) }},
	"one byte less":  {false, func(a *answer) { a.resize(-1) }},
	"one byte more":  {false, func(a *answer) { a.resize(1) }},
	"1 MiB":          {false, func(a *answer) { a.s.setWord(a.t, a.size, 1<<20) }},
	"1 EiB":          {false, func(a *answer) { a.s.setWord(a.t, a.size, 1<<60) }},
	"size -1":        {false, func(a *answer) { a.s.setWord(a.t, a.size, 1<<64-1) }},
	"end of memory":  {true, func(a *answer) { a.s.setWord(a.t, a.addr, 1<<64-8) }},
	"zeros, as many": {false, func(a *answer) { a.bytes(make([]byte, a.s.word(a.t, a.size))) }},
}

// spoiltReports spoil local reports and quotes alike; shift is 0 or 48.
func spoiltReports(shift uint64) map[string]func(*answer) {
	return map[string]func(*answer){
		"only a header":     func(a *answer) { a.bytes(oe.Report(nil, shift != 0)) },
		"an empty body":     func(a *answer) { a.bytes(oe.Report(make([]byte, shift), shift != 0)) },
		"version 2":         func(a *answer) { a.xor(0, 3) },
		"the other kind":    func(a *answer) { a.xor(4, 3) },
		"kind 0":            func(a *answer) { a.xor(4, 1); a.xor(4, 2) },
		"header's size":     func(a *answer) { a.xor(8, 1) },
		"MISCSELECT":        func(a *answer) { a.xor(shift+miscSelectAt, 1) },
		"a reserved bit":    func(a *answer) { a.xor(shift+reservedAt, 1) },
		"debug":             func(a *answer) { a.xor(shift+flagsAt, sgx.FlagDebug) },
		"another enclave":   func(a *answer) { a.xor(shift+mrenclaveAt, 1) },
		"another signer":    func(a *answer) { a.xor(shift+mrsignerAt+31, 0x80) },
		"another version":   func(a *answer) { a.xor(shift+svnAt, 1) },
		"other data":        func(a *answer) { a.xor(shift+dataAt, 1) },
		"other data at end": func(a *answer) { a.xor(shift+dataAt+63, 1) },
	}
}

// spoil makes all answers of s go through f.
func (s *simulated) spoil(t *testing.T, f func(*answer)) {
	s.after = func(number int, a [6]uintptr, result uintptr, errno syscall.Errno) (uintptr, syscall.Errno) {
		out := answer{t, s, a[4], a[5], result, errno}
		if number == oe.CallSealKey {
			out.addr, out.size = a[2], a[3]
		}
		f(&out)
		return out.result, out.errno
	}
}

func TestHostileAnswers(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	for method, test := range map[string]struct {
		call func() (zero bool, err error)
		more map[string]func(*answer)
	}{
		"report": {func() (bool, error) {
			r, err := p.Report(t.Context(), sgx.TargetInfo{}, data)
			return r == (sgx.Report{}), err
		}, spoiltReports(0)},
		"quote": {func() (bool, error) {
			q, err := p.Quote(t.Context(), data)
			return q == nil, err
		}, spoiltReports(48)},
		"key": {func() (bool, error) {
			k, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner})
			return k == [16]byte{}, err
		}, nil},
	} {
		try := func(name string, hides bool, f func(*answer)) {
			t.Run(method+"/"+name, func(t *testing.T) {
				before := s.allocated()
				s.spoil(t, f)
				zero, err := test.call()
				if err == nil || !zero {
					t.Errorf("accepted, or a result beside the error: %v", err)
				}
				if errors.Is(err, platform.ErrAbsent) {
					t.Error("the platform is absent all of a sudden")
				}
				if s.allocated() != before && !hides {
					t.Error("the answer is not freed")
				}
				s.used = [64]bool{true} // the texts
			})
		}
		for name, row := range spoilt {
			try(name, row.hides, row.spoil)
		}
		for name, f := range test.more {
			try(name, false, f)
		}
		s.after = nil
		if _, err := test.call(); err != nil {
			t.Errorf("%s, not spoilt: %v", method, err)
		}
	}
}

// The runtime answers for another enclave of the same machine: all is in
// order but whose it is.
func TestOtherEnclavesAnswer(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{9}, MRSIGNER: identity.MRSIGNER, ProductID: 5, SVN: 6})
	report := other.Report(s.machine.QuotingEnclave(), data)
	quote, err := s.machine.Quote(report)
	if err != nil {
		t.Fatal(err)
	}
	s.spoil(t, func(a *answer) { a.bytes(oe.Report(quote, true)) })
	if _, err := p.Quote(t.Context(), data); err == nil {
		t.Error("another enclave's quote is taken for this one's")
	}
	s.spoil(t, func(a *answer) { a.bytes(oe.Report(report.Append(nil), false)) })
	if _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); err == nil {
		t.Error("another enclave's report is taken for this one's")
	}
}

// A processor that was updated since Open is still this one.
func TestNewerCPU(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	s.spoil(t, func(a *answer) { a.xor(16, 0x40) })
	if _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestHostileProbe(t *testing.T) {
	s := simulate(t)
	s.open(t) // places the texts
	for name, f := range map[string]func(*answer){
		"zero measurement": func(a *answer) {
			for i := range uint64(32) {
				b, _ := s.Read(s.word(t, a.addr)+mrenclaveAt+i, 1)
				a.xor(mrenclaveAt+i, b[0])
			}
		},
		"data not asked for": func(a *answer) { a.xor(dataAt, 1) },
		"a quote":            func(a *answer) { a.xor(4, 3) },
		"cut":                func(a *answer) { a.resize(-1) },
	} {
		s.spoil(t, f)
		if p, err := ego.OpenWith(s.call); err == nil || p != nil || errors.Is(err, platform.ErrAbsent) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if n := s.allocated(); n != 1 {
			t.Errorf("%s: %d allocations are left beside the texts", name, n-1)
		}
	}
}
