package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// machine makes quotes until it is told that there are none.
type machine struct {
	platform.Platform // what is not asked for here
	sim               *sim.Machine
	enclave           *sim.Enclave
	none              error
}

func (m *machine) Name() string { return "test" }

func (m *machine) Report(_ context.Context, to sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	return m.enclave.Report(to, data), nil
}

func (m *machine) Quote(_ context.Context, data [64]byte) ([]byte, error) {
	if m.none != nil {
		return nil, m.none
	}
	return m.sim.Quote(m.enclave.Report(m.sim.QuotingEnclave(), data))
}

// The host is told of each change, before who asks for readiness is answered.
func TestRenewals(t *testing.T) {
	simulated, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{sim: simulated, enclave: simulated.Enclave(sim.Identity{})}
	p, err := enclave.New(m)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := enclave.NewCredentials(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	deaf := false
	var told []string
	r := &renewals{err: creds.Err, tell: func(_ context.Context, why string) error {
		if deaf {
			return errors.New("the host does not listen")
		}
		told = append(told, why)
		return nil
	}}
	ready := r.before(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, step := range []struct {
		name   string
		quotes error
		renew  bool
		deaf   bool
		told   int
	}{
		{"nothing is due", nil, false, false, 0},
		{"renewed", nil, true, false, 0},
		{"not renewed, and nobody hears of it", errors.New("no AESM"), true, true, 0},
		{"told again", errors.New("no AESM"), false, false, 1},
		{"once", errors.New("no AESM"), false, false, 1},
		{"for the same reason", errors.New("no AESM"), true, false, 1},
		{"renewed again", nil, true, false, 2},
		{"once again", nil, false, false, 2},
	} {
		m.none, deaf = step.quotes, step.deaf
		if step.renew && (creds.Renew(t.Context()) == nil) != (step.quotes == nil) {
			t.Errorf("%s: a renewal", step.name)
		}
		for range 3 {
			w := httptest.NewRecorder()
			ready.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/ready", nil))
			if w.Code != http.StatusNoContent {
				t.Errorf("%s: %d", step.name, w.Code)
			}
		}
		if len(told) != step.told {
			t.Errorf("%s: told %q", step.name, told)
		}
	}
	if len(told) != 2 || !strings.Contains(told[0], "no AESM") || told[1] != "" {
		t.Errorf("told %q", told)
	}
}

// A reason that is too long for the call is cut, not kept.
func TestBrief(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("a", calls.MaxTrouble), strings.Repeat("ä€", calls.MaxTrouble), "\xff"} {
		got := brief(text)
		if len(got) > calls.MaxTrouble || !utf8.ValidString(got) || !slices.Equal([]rune(got), []rune(text)[:len([]rune(got))]) && text != "\xff" {
			t.Errorf("%q", got)
		}
	}
}
