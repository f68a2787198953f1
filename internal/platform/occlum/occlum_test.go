package occlum_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/occlum"
	"github.com/cleave-sdk/cleave/internal/platform/occlum/occlumtest"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

var (
	identity = sim.Identity{MRENCLAVE: [32]byte{1, 31: 2}, MRSIGNER: [32]byte{3, 31: 4}, ProductID: 5, SVN: 6}
	data     = [64]byte{0: 'd', 63: 'a'}
)

// simulated is a process in Occlum on a machine of its own.
type simulated struct {
	occlumtest.Device
	machine *sim.Machine

	// after, if set, may spoil an answer.
	after func(number uintptr, argument unsafe.Pointer) syscall.Errno
}

func simulate(t *testing.T) *simulated {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	return &simulated{Device: occlumtest.Device{Enclave: m.Enclave(identity), Quoting: m, Room: 100}, machine: m}
}

// ioctl is the device, with its answers spoilt.
func (s *simulated) ioctl(number uintptr, argument unsafe.Pointer) syscall.Errno {
	if errno := s.Ioctl(number, argument); errno != 0 || s.after == nil {
		return errno
	}
	return s.after(number, argument)
}

func open(t *testing.T, device occlum.Ioctl) *occlum.Platform {
	t.Helper()
	p, err := occlum.OpenWith(device)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The suite of every platform.
func TestConformance(t *testing.T) {
	s := simulate(t)
	p, err := enclave.New(open(t, s.ioctl))
	if err != nil {
		t.Fatal(err)
	}
	pcs := httptest.NewServer(s.machine.PCS())
	defer pcs.Close()
	enclavetest.TestPlatform(t, p, &attest.Verifier{
		Policy:     attest.Policy{Builds: []attest.Measurement{identity.MRENCLAVE}},
		Root:       s.machine.Root(),
		Collateral: &attest.Cache{Source: &attest.PCS{URL: pcs.URL + "/sgx/certification/v4"}},
	})
}

// This machine does not run Occlum, and says so.
func TestOpenOutside(t *testing.T) {
	p, err := occlum.Open()
	if err == nil {
		t.Skip("this is Occlum")
	}
	if !errors.Is(err, platform.ErrAbsent) || p != nil {
		t.Errorf("got %v, %v", p, err)
	}
}

// No failure of the device means that it is not there.
func TestOpenProbe(t *testing.T) {
	for name, row := range map[string]struct {
		device occlum.Ioctl
		says   string
	}{
		"a driver's":          {func(uintptr, unsafe.Pointer) syscall.Errno { return syscall.ENOTTY }, "inappropriate ioctl"},
		"no such call":        {func(uintptr, unsafe.Pointer) syscall.Errno { return syscall.ENOSYS }, "not implemented"},
		"refused":             {func(uintptr, unsafe.Pointer) syscall.Errno { return syscall.EINVAL }, "invalid argument"},
		"gone":                {func(uintptr, unsafe.Pointer) syscall.Errno { return syscall.ENOENT }, "no such file"},
		"success, and no out": {func(uintptr, unsafe.Pointer) syscall.Errno { return 0 }, "measurement is zero"},
	} {
		p, err := occlum.OpenWith(row.device)
		if err == nil || p != nil || errors.Is(err, platform.ErrAbsent) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

func TestReport(t *testing.T) {
	s := simulate(t)
	p := open(t, s.ioctl)
	other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{7}})
	body := other.Body()
	target := body.Target()
	target.ConfigSVN = 3 // all of it counts
	report, err := p.Report(t.Context(), target, data)
	if want := s.Enclave.Report(target, data); err != nil || report != want {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestVerifyReport(t *testing.T) {
	s := simulate(t)
	p := open(t, s.ioctl)
	own := s.Enclave.Body()
	other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{7}})
	good := other.Report(own.Target(), data)
	if err := p.VerifyReport(t.Context(), good); err != nil {
		t.Error(err)
	}
	changed, elsewhere := good, simulate(t)
	changed.MAC[15] ^= 1
	for name, r := range map[string]sgx.Report{
		"changed":              changed,
		"for another enclave":  other.Report(sgx.TargetInfo{}, data),
		"from another machine": elsewhere.Enclave.Report(own.Target(), data),
		"none":                 {},
	} {
		if err := p.VerifyReport(t.Context(), r); !errors.Is(err, platform.ErrNotForMe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A CPU that gives no key has not found the report wrong.
	s.after = func(uintptr, unsafe.Pointer) syscall.Errno { return syscall.EINVAL }
	if err := p.VerifyReport(t.Context(), good); err == nil || errors.Is(err, platform.ErrNotForMe) {
		t.Errorf("no key: %v", err)
	}
}

// Where the pointers in an argument point to, by request.
const (
	createReport = 0xC0187304
	quoteSize    = 0x80047307
	genQuote     = 0xC0187308
	getKey       = 0xC010730B
)

func TestAnswersRefused(t *testing.T) {
	s := simulate(t)
	p := open(t, s.ioctl)
	report := func() error { _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); return err }
	quote := func() error { _, err := p.Quote(t.Context(), data); return err }
	key := func() error { _, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner}); return err }
	third := func(a unsafe.Pointer, n int) []byte {
		return unsafe.Slice((*byte)((*[3]unsafe.Pointer)(a)[2]), n)
	}
	flip := func(at int) func(unsafe.Pointer) {
		return func(a unsafe.Pointer) { third(a, at+1)[at] ^= 1 }
	}
	for name, row := range map[string]struct {
		ask    func() error
		number uintptr
		spoil  func(argument unsafe.Pointer)
		errno  syscall.Errno
		says   string
	}{
		"report, other data":    {report, createReport, flip(320), 0, "not a local report"},
		"report, other build":   {report, createReport, flip(64), 0, "not a local report"},
		"report, debug":         {report, createReport, flip(48), 0, "not a local report"},
		"report, reserved bits": {report, createReport, flip(96), 0, "not a local report"},
		"report of nobody":      {report, createReport, func(a unsafe.Pointer) { clear(third(a, 432)) }, 0, "not a local report"},
		"report refused":        {report, createReport, nil, syscall.EINVAL, "CREATE_REPORT: invalid argument"},
		"size zero":             {quote, quoteSize, func(a unsafe.Pointer) { *(*uint32)(a) = 0 }, 0, "no size"},
		"size of a body":        {quote, quoteSize, func(a unsafe.Pointer) { *(*uint32)(a) = 432 }, 0, "no size"},
		"size of 4 GB":          {quote, quoteSize, func(a unsafe.Pointer) { *(*uint32)(a) = 1<<32 - 1 }, 0, "no size"},
		"size too small":        {quote, quoteSize, func(a unsafe.Pointer) { *(*uint32)(a) = 1020 }, 0, "GEN_DCAP_QUOTE: invalid argument"},
		"size refused":          {quote, quoteSize, nil, syscall.EINVAL, "built without DCAP"},
		"quote refused":         {quote, genQuote, nil, syscall.EINVAL, "GEN_DCAP_QUOTE: invalid argument"},
		"quote, other data":     {quote, genQuote, flip(48 + 320), 0, "not a quote of this enclave"},
		"quote, other build":    {quote, genQuote, flip(48 + 64), 0, "not a quote of this enclave"},
		"quote, other version":  {quote, genQuote, flip(0), 0, "not a quote of this enclave"},
		"quote, longer":         {quote, genQuote, func(a unsafe.Pointer) { binary.LittleEndian.PutUint32(third(a, 436)[432:], 1<<20) }, 0, "not a quote of this enclave"},
		"quote, shorter":        {quote, genQuote, func(a unsafe.Pointer) { binary.LittleEndian.PutUint32(third(a, 436)[432:], 584) }, 0, "not a quote of this enclave"},
		"key of zeros":          {key, getKey, func(a unsafe.Pointer) { *(*[16]byte)((*[2]unsafe.Pointer)(a)[1]) = [16]byte{} }, 0, "no key"},
		"key refused":           {key, getKey, nil, syscall.EINVAL, "GET_KEY: invalid argument"},
	} {
		s.after = func(number uintptr, argument unsafe.Pointer) syscall.Errno {
			if number != row.number {
				return 0
			}
			if row.spoil != nil {
				row.spoil(argument)
			}
			return row.errno
		}
		if err := row.ask(); err == nil || !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "occlum: ") {
			t.Errorf("%s: %v", name, err)
		}
		s.after = nil
		if err := row.ask(); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	p := open(t, simulate(t).ioctl)
	level := p.Level()
	for name, request := range map[string]sealing.KeyRequest{
		"no binding":        {},
		"another binding":   {Binding: 3},
		"separation":        {Binding: sealing.ToSigner, Separation: sealing.ByFamily},
		"configuration SVN": {Binding: sealing.ToSigner, ConfigSVN: 1},
		"SVN above its own": {Binding: sealing.ToSigner, SVN: level.SVN + 1},
	} {
		if key, err := p.SealingKey(request); err == nil || key != [16]byte{} {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoQuotes(t *testing.T) {
	s := simulate(t)
	s.Quoting = nil
	p := open(t, s.ioctl)
	if quote, err := p.Quote(t.Context(), data); quote != nil || err == nil || !strings.Contains(err.Error(), "start it again") {
		t.Errorf("%d bytes, %v", len(quote), err)
	}
}

// Nothing is asked of Occlum for who has gone.
func TestEnded(t *testing.T) {
	s := simulate(t)
	p := open(t, s.ioctl)
	s.after = func(uintptr, unsafe.Pointer) syscall.Errno {
		t.Error("asked")
		return 0
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, report := p.Report(ctx, sgx.TargetInfo{}, data)
	_, quote := p.Quote(ctx, data)
	for _, err := range []error{report, quote, p.VerifyReport(ctx, sgx.Report{})} {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// What the arguments point to has to outlive the call, whatever the garbage
// collector does meanwhile.
func TestPointersStayAlive(t *testing.T) {
	s := simulate(t)
	p := open(t, func(number uintptr, argument unsafe.Pointer) syscall.Errno {
		runtime.GC()
		return s.Ioctl(number, argument)
	})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 8 {
				want := [64]byte{byte(i), byte(j)}
				if r, err := p.Report(t.Context(), sgx.TargetInfo{}, want); err != nil || r.Body.ReportData != want {
					t.Errorf("%v", err)
				}
				if _, err := p.Quote(t.Context(), want); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
