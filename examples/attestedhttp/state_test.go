package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/host"
)

// shown is what the status endpoints say.
func shown(known *state) (ready int, text, metrics string) {
	pages := statusPages(settings{}, known)
	page := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	r := page("/readyz")
	return r.Code, r.Body.String(), page("/metrics").Body.String()
}

// What is said late, or of another launch, changes nothing.
func TestLate(t *testing.T) {
	address, asked := trustedHalf(t, answers(http.StatusNoContent))
	for name, c := range map[string]struct {
		happens func(*state) error
		up      bool
	}{
		"in time":                {func(s *state) error { return s.serves(s.began(), address) }, true},
		"before any":             {func(s *state) error { return s.serves(1, address) }, false},
		"gone":                   {func(s *state) error { l := s.began(); s.gone(l); return s.serves(l, address) }, false},
		"another runs":           {func(s *state) error { l := s.began(); s.began(); return s.serves(l, address) }, false},
		"one to come":            {func(s *state) error { return s.serves(s.began()+1, address) }, false},
		"served, and is gone":    {func(s *state) error { l := s.began(); s.serves(l, address); s.gone(l); return errLate }, false},
		"served, before another": {func(s *state) error { s.serves(s.began(), address); s.began(); return errLate }, false},
		"the one before is gone late": {func(s *state) error {
			first := s.began()
			err := s.serves(s.began(), address)
			s.gone(first)
			return err
		}, true},
	} {
		known := &state{metrics: newMetrics()}
		before := asked.Load()
		err := c.happens(known)
		ready, text, metrics := shown(known)
		if up := strings.Contains(metrics, "\nattestedhttp_up 1\n"); up != c.up || (ready == http.StatusOK) != c.up || (err == nil) != c.up || (asked.Load() > before) != c.up {
			t.Errorf("%s: up %t, %d, %q, %v", name, up, ready, text, err)
		}
	}
}

// A launch that fails after it has said that it serves is not up.
func TestFailedLaunch(t *testing.T) {
	address, _ := trustedHalf(t, answers(http.StatusNoContent))
	errLaunch := errors.New("failed at last")
	known := &state{metrics: newMetrics()}
	k := newKeeper(settings{}, nil, known, slog.New(slog.NewTextHandler(io.Discard, nil)))
	during := ""
	k.launch = func(context.Context, host.Config) (instance, error) {
		if err := k.serves(1, calls.Places{Host: address}); err != nil {
			t.Error(err)
		}
		_, _, during = shown(known)
		return nil, errLaunch
	}
	if err := k.once(t.Context()); !errors.Is(err, errLaunch) {
		t.Fatal(err)
	}
	ready, text, after := shown(known)
	if !strings.Contains(during, "\nattestedhttp_up 1\n") || !strings.Contains(after, "\nattestedhttp_up 0\n") || ready != http.StatusServiceUnavailable {
		t.Errorf("%d, %q, %s", ready, text, after)
	}
}

// That the certificate is not renewed is shown, by what shows readiness and
// by a gauge, for as long as it is so and the trusted half runs.
func TestTroubleIsShown(t *testing.T) {
	address, _ := trustedHalf(t, answers(http.StatusNoContent))
	known := &state{metrics: newMetrics()}
	log := new(transcript)
	k := newKeeper(settings{}, nil, known, slog.New(slog.NewTextHandler(log, nil)))
	first := known.began()
	known.serves(first, address)
	const trouble = "enclave: quote: AESM is not there\n\x1b[2J"
	for _, step := range []struct {
		name    string
		happens func() error
		shown   bool
	}{
		{"nothing yet", func() error { return nil }, false},
		{"failing", func() error { return k.renewal(first, trouble) }, true},
		{"renewed", func() error { return k.renewal(first, "") }, false},
		{"failing again", func() error { return k.renewal(first, trouble) }, true},
		{"launched again", func() error { return known.serves(known.began(), address) }, false},
	} {
		if err := step.happens(); err != nil {
			t.Error(err)
		}
		ready, text, metrics := shown(known)
		said := strings.Contains(text, `was not renewed: "enclave: quote: AESM is not there\n\x1b[2J"`)
		if gauge := strings.Contains(metrics, "\nattestedhttp_renewal_failing 1\n"); ready != http.StatusOK || said != step.shown || gauge != step.shown {
			t.Errorf("%s: %d, %q, gauge %t", step.name, ready, text, gauge)
		}
	}
	if err := k.renewal(first, trouble); err != errLate {
		t.Errorf("of the launch before: %v", err)
	}
	if text := log.String(); strings.Count(text, "was not renewed") != 2 || strings.Count(text, "is renewed again") != 1 {
		t.Error(text)
	}
}

// One that takes the place of another while that is asked has not been asked.
func TestLaunchedMeanwhile(t *testing.T) {
	known := &state{metrics: newMetrics()}
	var address string
	again := func(http.ResponseWriter, *http.Request) { known.serves(known.began(), address) }
	address, _ = trustedHalf(t, func(w http.ResponseWriter, r *http.Request) {
		again(w, r)
		w.WriteHeader(http.StatusNoContent)
	})
	known.serves(known.began(), address)
	if h, err := known.ready(); err != errOther {
		t.Errorf("launch %d, %v", h.launch, err)
	}
	again = func(http.ResponseWriter, *http.Request) {}
	if h, err := known.ready(); h.launch != 2 || err != nil {
		t.Errorf("launch %d, %v", h.launch, err)
	}
}
