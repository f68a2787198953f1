package gramine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/gramine"
	"github.com/cleave-sdk/cleave/internal/platform/gramine/gramtest"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

var (
	identity = sim.Identity{MRENCLAVE: [32]byte{1, 31: 2}, MRSIGNER: [32]byte{3, 31: 4}, ProductID: 5, SVN: 6}
	data     = [64]byte{0: 'd', 63: 'a'}
)

// simulated is a process in Gramine on a machine of its own.
type simulated struct {
	*gramtest.Tree
	machine *sim.Machine
}

func simulate(t *testing.T) *simulated {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	return &simulated{&gramtest.Tree{Enclave: m.Enclave(identity), Quoting: m, Type: "dcap"}, m}
}

func open(t *testing.T, calls gramine.SystemCalls) *gramine.Platform {
	t.Helper()
	p, err := gramine.OpenWith(calls)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// This machine does not run Gramine, and says so.
func TestOpenOutside(t *testing.T) {
	p, err := gramine.Open()
	if err == nil {
		t.Skip("this is Gramine")
	}
	if !errors.Is(err, platform.ErrAbsent) || p != nil {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestReport(t *testing.T) {
	s := simulate(t)
	p := open(t, s)
	other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{7}})
	otherBody := other.Body()
	// The zero target before, since Gramine makes another of it.
	for range 2 {
		if r, err := p.Report(t.Context(), sgx.TargetInfo{}, data); err != nil || s.Enclave.VerifyReport(r) || other.VerifyReport(r) {
			t.Errorf("for nobody: %v", err)
		}
	}
	report, err := p.Report(t.Context(), otherBody.Target(), data)
	if err != nil {
		t.Fatal(err)
	}
	want := s.Enclave.Body()
	want.ReportData = data
	if report.Body != want {
		t.Errorf("the report says %+v, want %+v", report.Body, want)
	}
	if !other.VerifyReport(report) || s.Enclave.VerifyReport(report) {
		t.Error("the report is not for the target alone")
	}
}

// All of a target counts here, KSS included.
func TestTargetWithKSS(t *testing.T) {
	s := simulate(t)
	target := sgx.TargetInfo{MRENCLAVE: [32]byte{1}, ConfigID: [64]byte{63: 1}, ConfigSVN: 2}
	report, err := open(t, s).Report(t.Context(), target, data)
	if want := s.Enclave.Report(target, data); err != nil || report != want {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestCannotVerifyReports(t *testing.T) {
	s := simulate(t)
	p := open(t, s)
	own := s.Enclave.Body()
	report, err := p.Report(t.Context(), own.Target(), data)
	if err != nil {
		t.Fatal(err)
	}
	err = p.VerifyReport(t.Context(), report)
	if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, platform.ErrNotForMe) || !strings.Contains(err.Error(), "use quotes instead") {
		t.Error(err)
	}
}

// The keys are Gramine's, and bound to what it binds them to.
func TestKeys(t *testing.T) {
	s := simulate(t)
	keys := func(id sim.Identity) (toEnclave, toSigner [16]byte) {
		p := open(t, &gramtest.Tree{Enclave: s.machine.Enclave(id), Quoting: s.machine, Type: "none"})
		if p.Level() != (sealing.Level{Source: sealing.SourceFixed}) {
			t.Errorf("the level is %+v", p.Level())
		}
		var all [2][16]byte
		for i, b := range []sealing.Binding{sealing.ToEnclave, sealing.ToSigner} {
			k, err := p.SealingKey(sealing.KeyRequest{Binding: b, SVN: 9, KeyID: [32]byte{1}})
			if err != nil {
				t.Fatal(err)
			}
			all[i] = k
		}
		return all[0], all[1]
	}
	enclave, signer := keys(identity)
	if enclave == signer {
		t.Error("one key for both bindings")
	}
	for name, row := range map[string]struct {
		change                func(*sim.Identity)
		sameEnclave, sameSign bool
	}{
		"itself":          {func(*sim.Identity) {}, true, true},
		"another build":   {func(id *sim.Identity) { id.MRENCLAVE[0]++ }, false, true},
		"another signer":  {func(id *sim.Identity) { id.MRSIGNER[0]++ }, true, false},
		"another product": {func(id *sim.Identity) { id.ProductID++ }, false, false},
		"another version": {func(id *sim.Identity) { id.SVN++ }, false, false},
		"its debug twin":  {func(id *sim.Identity) { id.Debug = true }, false, false},
	} {
		id := identity
		row.change(&id)
		e, g := keys(id)
		if (e == enclave) != row.sameEnclave || (g == signer) != row.sameSign {
			t.Errorf("%s has the enclave's key: %v, the signer's: %v", name, e == enclave, g == signer)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	p := open(t, simulate(t))
	for name, request := range map[string]sealing.KeyRequest{
		"no binding":        {},
		"another binding":   {Binding: 3},
		"separation":        {Binding: sealing.ToSigner, Separation: sealing.ByFamily},
		"configuration SVN": {Binding: sealing.ToSigner, ConfigSVN: 1},
	} {
		if key, err := p.SealingKey(request); err == nil || key != [16]byte{} {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoQuotesWithoutRemoteAttestation(t *testing.T) {
	s := simulate(t)
	s.Type = "none"
	p := open(t, s)
	if quote, err := p.Quote(t.Context(), data); !errors.Is(err, errors.ErrUnsupported) || quote != nil || !strings.Contains(err.Error(), "sgx.remote_attestation") {
		t.Errorf("%d bytes, %v", len(quote), err)
	}
	if _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); err != nil {
		t.Errorf("reports are to be had without: %v", err)
	}
}
