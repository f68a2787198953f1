//go:build linux && amd64

package ego_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/ego"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

var data = [64]byte{0: 'd', 63: 'a'}

// This machine is not an enclave, and says so.
func TestOpenOutside(t *testing.T) {
	t.Setenv("OE_IS_ENCLAVE", "1") // the host's word for it
	p, err := ego.Open()
	if err == nil {
		t.Skip("this is an enclave")
	}
	if !errors.Is(err, platform.ErrAbsent) || p != nil {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestOpenProbe(t *testing.T) {
	for name, test := range map[string]struct {
		result oe.Result
		errno  syscall.Errno
		absent bool
		says   string
	}{
		"no such call":        {0, syscall.ENOSYS, true, "platform"},
		"not permitted":       {0, syscall.EPERM, false, "not permitted"},
		"no memory":           {0, syscall.ENOMEM, false, "memory"},
		"interrupted":         {0, syscall.EINTR, false, "interrupted"},
		"EGo's simulation":    {oe.Unsupported, 0, false, "Simulate"},
		"another result":      {oe.Unexpected, 0, false, "OE_UNEXPECTED"},
		"an unknown result":   {1000, 0, false, "UNKNOWN"},
		"success, and no out": {oe.OK, 0, false, "not a local report"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			p, err := ego.OpenWith(func(number uintptr, a [6]uintptr) (uintptr, syscall.Errno) {
				if calls++; calls == 1 && number != oe.CallLocalReport {
					t.Errorf("the probe is call %d", number)
				}
				return uintptr(test.result), test.errno
			})
			if err == nil || p != nil || errors.Is(err, platform.ErrAbsent) != test.absent {
				t.Fatalf("got %v, %v", p, err)
			}
			if test.errno != 0 && !test.absent && !errors.Is(err, test.errno) {
				t.Errorf("%v is not the errno", err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
		})
	}
}

func TestReport(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{7}})
	otherBody := other.Body()

	report, err := p.Report(t.Context(), otherBody.Target(), data)
	if err != nil {
		t.Fatal(err)
	}
	want := s.enclave.Body()
	want.ReportData = data
	if report.Body != want {
		t.Errorf("the report says %+v, want %+v", report.Body, want)
	}
	if !other.VerifyReport(report) || s.enclave.VerifyReport(report) {
		t.Error("the report is not for the target alone")
	}

	self, err := p.Report(t.Context(), sgx.TargetInfo{}, [64]byte{})
	if err != nil || self.Body != s.enclave.Body() || other.VerifyReport(self) {
		t.Errorf("for nobody: %+v, %v", self, err)
	}

	quotable, err := p.Report(t.Context(), s.machine.QuotingEnclave(), data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.machine.Quote(quotable); err != nil {
		t.Errorf("the quoting enclave refuses it: %v", err)
	}
	if n := s.allocated(); n != 1 {
		t.Errorf("%d allocations are left beside the texts", n-1)
	}
}

// Open Enclave would make a report which the target could not check.
func TestReportTargetRefused(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	for name, spoil := range map[string]func(*sgx.TargetInfo){
		"CET":        func(t *sgx.TargetInfo) { t.CETAttributes = 1 },
		"config SVN": func(t *sgx.TargetInfo) { t.ConfigSVN = 1 },
		"config ID":  func(t *sgx.TargetInfo) { t.ConfigID[63] = 1 },
	} {
		target := s.machine.QuotingEnclave()
		spoil(&target)
		if report, err := p.Report(t.Context(), target, data); err == nil || report != (sgx.Report{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuote(t *testing.T) {
	s := simulate(t)
	quote, err := s.open(t).Quote(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	body, err := sgx.ParseReportBody(quote[48:432])
	if err != nil {
		t.Fatal(err)
	}
	want := s.enclave.Body()
	want.ReportData = data
	if body != want || quote[0] != 3 {
		t.Errorf("the quote of version %d says %+v, want %+v", quote[0], body, want)
	}
	if n := s.allocated(); n != 1 {
		t.Errorf("%d allocations are left beside the texts", n-1)
	}
}

func TestKeys(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	body := s.enclave.Body()
	if want := (sealing.Level{Source: sealing.SourceCPU, SVN: 6, CPUSVN: body.CPUSVN}); p.Level() != want {
		t.Errorf("level %+v, want %+v", p.Level(), want)
	}
	for binding, policy := range map[sealing.Binding]uint16{sealing.ToEnclave: sgx.PolicyMRENCLAVE, sealing.ToSigner: sgx.PolicyMRSIGNER} {
		request := sealing.KeyRequest{Binding: binding, KeyID: [32]byte{8, 31: 9}, SVN: 4, CPUSVN: body.CPUSVN}
		key, err := p.SealingKey(request)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.enclave.Key(sgx.KeyRequest{
			Name: sgx.KeySeal, Policy: policy, SVN: 4, CPUSVN: body.CPUSVN, KeyID: request.KeyID,
			AttributeMask: sgx.SealAttributeMask, MiscMask: sgx.SealMiscMask,
		})
		if err != nil || key != want {
			t.Errorf("%v: another key than EGETKEY's, %v", binding, err)
		}
	}
	if n := s.allocated(); n != 1 {
		t.Errorf("%d allocations are left beside the texts", n-1)
	}
}

func TestKeysRefused(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	high := p.Level().CPUSVN
	high[15]++
	for name, test := range map[string]struct {
		request sealing.KeyRequest
		want    error
	}{
		"zero":            {sealing.KeyRequest{}, nil},
		"no such binding": {sealing.KeyRequest{Binding: 3}, nil},
		"newer enclave":   {sealing.KeyRequest{Binding: sealing.ToSigner, SVN: 7}, oe.InvalidISVSVN},
		"newer CPU":       {sealing.KeyRequest{Binding: sealing.ToSigner, CPUSVN: high}, oe.InvalidCPUSVN},
	} {
		key, err := p.SealingKey(test.request)
		if err == nil || key != [16]byte{} || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %x, %v", name, key, err)
		}
	}
}

// What is sealed on this platform opens on it, and not in another enclave.
func TestSealing(t *testing.T) {
	s := simulate(t)
	blob, err := sealing.New(s.open(t), sealing.ToEnclave).Seal([]byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sealing.New(s.open(t), sealing.ToEnclave).Open(blob, nil); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	other := simulate(t)
	if _, err := sealing.New(other.open(t), sealing.ToEnclave).Open(blob, nil); err == nil {
		t.Error("opens on another machine")
	}
}

func TestDoneContext(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	s.after = func(number int, _ [6]uintptr, _ uintptr, _ syscall.Errno) (uintptr, syscall.Errno) {
		t.Errorf("call %d is made", number)
		return 0, 0
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Report(ctx, sgx.TargetInfo{}, data); !errors.Is(err, context.Canceled) {
		t.Errorf("report: %v", err)
	}
	if _, err := p.Quote(ctx, data); !errors.Is(err, context.Canceled) {
		t.Errorf("quote: %v", err)
	}
}

// The runtime writes to addresses in Go's memory while stacks grow and
// garbage is collected.
func TestConcurrent(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				grow(j * 8)
				d := [64]byte{byte(i), byte(j)}
				if _, err := p.Report(t.Context(), sgx.TargetInfo{}, d); err != nil {
					t.Error(err)
				}
				if _, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner, KeyID: [32]byte(d[:32])}); err != nil {
					t.Error(err)
				}
				if j%10 == 0 {
					if _, err := p.Quote(t.Context(), d); err != nil {
						t.Error(err)
					}
					runtime.GC()
				}
			}
		})
	}
	wg.Wait()
	if n := s.allocated(); n != 1 {
		t.Errorf("%d allocations are left beside the texts", n-1)
	}
}

func grow(n int) (pad [256]byte) {
	if n > 0 {
		pad = grow(n - 1)
		pad[n%256]++
	}
	return pad
}
