//go:build linux && amd64

package ego_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// ways are those in which a local report is checked: by the runtime, and by
// the REPORT key where it does not answer.
var ways = map[string]struct {
	result oe.Result
	errno  syscall.Errno
	byKey  bool
}{
	"runtime":              {},
	"key, not supported":   {result: oe.Unsupported, byKey: true},
	"key, no such call":    {errno: syscall.ENOSYS, byKey: true},
	"key, whatever result": {result: oe.OK, errno: syscall.ENOSYS, byKey: true},
}

// answering has call 1002 answer so, and counts the calls for keys.
func (s *simulated) answering(result oe.Result, errno syscall.Errno, keys *int) {
	s.after = func(number int, _ [6]uintptr, got uintptr, gotErrno syscall.Errno) (uintptr, syscall.Errno) {
		switch number {
		case oe.CallVerifyReport:
			if result != oe.OK || errno != 0 {
				return uintptr(result), errno
			}
		case oe.CallSealKey:
			*keys++
		}
		return got, gotErrno
	}
}

func TestVerifyReport(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			s := simulate(t)
			p := s.open(t)
			keys := 0
			s.answering(way.result, way.errno, &keys)
			body := s.enclave.Body()
			other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{7}, MRSIGNER: [32]byte{8}})
			otherBody := other.Body()
			good := other.Report(body.Target(), data)
			if err := p.VerifyReport(t.Context(), good); err != nil {
				t.Fatal(err)
			}
			if (keys > 0) != way.byKey {
				t.Errorf("%d keys were asked for", keys)
			}
			if err := p.VerifyReport(t.Context(), s.enclave.Report(body.Target(), data)); err != nil {
				t.Errorf("by itself, for itself: %v", err)
			}
			nearly := body.Target()
			nearly.Attributes.Flags |= sgx.FlagDebug
			elsewhere := simulate(t).machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{7}})
			for name, report := range map[string]sgx.Report{
				"zero":                         {},
				"for another enclave":          other.Report(otherBody.Target(), data),
				"for nobody":                   other.Report(sgx.TargetInfo{}, data),
				"for a debug enclave like it":  other.Report(nearly, data),
				"on another machine":           elsewhere.Report(body.Target(), data),
				"signer changed":               changed(good, func(r *sgx.Report) { r.Body.MRSIGNER[31] ^= 1 }),
				"debug flag changed":           changed(good, func(r *sgx.Report) { r.Body.Attributes.Flags ^= sgx.FlagDebug }),
				"last bit of the data changed": changed(good, func(r *sgx.Report) { r.Body.ReportData[63] ^= 1 }),
				"key ID changed":               changed(good, func(r *sgx.Report) { r.KeyID[0] ^= 1 }),
				"MAC changed":                  changed(good, func(r *sgx.Report) { r.MAC[15] ^= 0x80 }),
				"MAC zero":                     changed(good, func(r *sgx.Report) { r.MAC = [16]byte{} }),
			} {
				if err := p.VerifyReport(t.Context(), report); !errors.Is(err, platform.ErrNotForMe) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if n := s.allocated(); n != 1 {
				t.Errorf("%d allocations are left beside the texts", n-1)
			}
		})
	}
}

func changed(r sgx.Report, change func(*sgx.Report)) sgx.Report {
	change(&r)
	return r
}

// Whatever else the runtime answers, the report is not verified.
func TestVerifyReportFails(t *testing.T) {
	s := simulate(t)
	p := s.open(t)
	body := s.enclave.Body()
	good := s.enclave.Report(body.Target(), data)
	keys := 0
	for name, answer := range map[string]struct {
		result oe.Result
		errno  syscall.Errno
	}{
		"failure":       {oe.Failure, 0},
		"bad parameter": {oe.InvalidParameter, 0},
		"bad size":      {oe.IncorrectReportSize, 0},
		"unknown":       {1000, 0},
		"not permitted": {0, syscall.EPERM},
		"interrupted":   {0, syscall.EINTR},
	} {
		s.answering(answer.result, answer.errno, &keys)
		if err := p.VerifyReport(t.Context(), good); err == nil || errors.Is(err, platform.ErrNotForMe) || errors.Is(err, platform.ErrAbsent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys != 0 {
		t.Errorf("%d keys were asked for", keys)
	}
	for name, row := range spoilt {
		s.after = nil
		s.spoil(t, row.spoil)
		spoiltKey := s.after
		s.after = func(number int, a [6]uintptr, result uintptr, errno syscall.Errno) (uintptr, syscall.Errno) {
			if number == oe.CallVerifyReport {
				return uintptr(oe.Unsupported), 0
			}
			return spoiltKey(number, a, result, errno)
		}
		if err := p.VerifyReport(t.Context(), good); err == nil || errors.Is(err, platform.ErrNotForMe) {
			t.Errorf("key, %s: %v", name, err)
		}
		s.used = [64]bool{true} // the texts
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.VerifyReport(ctx, good); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
