package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestService(t *testing.T) {
	s := newScene(t)
	s.start()
	owner, user, stranger := s.client(s.owner), s.client(), s.client(s.newOwner(t))
	for _, c := range []struct {
		name            string
		who             *http.Client
		method, path    string
		content         string
		status          int
		says            string
		readyAfterwards bool
	}{
		{"nothing to answer with", user, "POST", "/answer", "hello", 503, "no value yet", false},
		{"a question of the host's", user, "GET", "/ready", "", 404, "", false},
		{"nobody's value", user, "PUT", "/value", value, 403, "only the owner", false},
		{"a stranger's value", stranger, "PUT", "/value", value, 403, "only the owner", false},
		{"too short", owner, "PUT", "/value", "short", 400, "16 to 1024 bytes", false},
		{"too long", owner, "PUT", "/value", strings.Repeat("a", 1025), 400, "16 to 1024 bytes", false},
		{"the owner's", owner, "PUT", "/value", value, 204, "", true},
		{"again", owner, "PUT", "/value", value, 204, "", true},
		{"another", owner, "PUT", "/value", value + "!", 409, "another value is held", true},
		{"a stranger's again", stranger, "PUT", "/value", value, 403, "only the owner", true},
		{"answered", user, "POST", "/answer", "hello", 200, answer("hello"), true},
		{"answered to a stranger", stranger, "POST", "/answer", "", 200, answer(""), true},
		{"too much", user, "POST", "/answer", strings.Repeat("a", 64<<10+1), 413, "at most 65536 bytes", true},
		{"not to be had", owner, "GET", "/value", "", 405, "", true},
	} {
		status, text, err := s.do(c.who, c.method, c.path, c.content)
		if err != nil || status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d, %q, %v", c.name, status, text, err)
		}
		if got := s.ready() != 0; got != c.readyAfterwards {
			t.Errorf("%s: ready is %t", c.name, got)
		}
	}
	s.checkNothingSecret()
	s.restartElsewhere()
}

// checkNothingSecret looks where the host looks.
func (s *scene) checkNothingSecret() {
	s.t.Helper()
	_, metrics := s.page("/metrics")
	for _, want := range []string{"attestedhttp_launches_total 1\n", "attestedhttp_up 1\n", "attestedhttp_renewal_failing 0\n", `attestedhttp_ocalls_total{call="blob.put",outcome="ok"} 1`} {
		if !strings.Contains(metrics, want) {
			s.t.Errorf("no %q in the metrics", want)
		}
	}
	blob, err := os.ReadFile(filepath.Join(s.settings.data, "value"))
	if err != nil {
		s.t.Fatal(err)
	}
	for where, text := range map[string]string{"metrics": metrics, "log": s.log.String(), "what is stored": string(blob)} {
		for _, secret := range []string{value, hex.EncodeToString([]byte(value)), answer("hello")} {
			if strings.Contains(text, secret) {
				s.t.Errorf("%s: %q is in there", where, secret)
			}
		}
	}
}

// restartElsewhere has a value that was sealed on another machine be asked for
// again, and by nobody else.
func (s *scene) restartElsewhere() {
	s.t.Helper()
	if err := s.stop(); err != nil {
		s.t.Error(err)
	}
	name := filepath.Join(s.settings.data, "value")
	blob, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	blob[len(blob)-1] ^= 1
	if err := os.WriteFile(name, blob, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.start()
	if status, _, err := s.do(s.client(), "POST", "/answer", "hello"); status != 503 || err != nil {
		s.t.Errorf("without its value it answers %d, %v", status, err)
	}
	if s.ready() != 0 || !strings.Contains(s.log.String(), "the sealed value does not open here") {
		s.t.Error("ready without its value, or silent about it")
	}
	if status, _, err := s.do(s.client(s.owner), "PUT", "/value", value); status != 204 || err != nil {
		s.t.Errorf("the owner, again: %d, %v", status, err)
	}
	if status, text, err := s.do(s.client(), "POST", "/answer", "hello"); text != answer("hello") || err != nil {
		s.t.Errorf("%d, %q, %v", status, text, err)
	}
}

// Whoever builds without naming an owner is told so, again and again.
func TestNobodyOwnsIt(t *testing.T) {
	s := newScene(t)
	text, err := os.ReadFile("enclave.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.settings.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, s.settings, slog.New(slog.NewJSONHandler(s.log, nil))) }()
	await(t, "three launches", func() bool { return strings.Count(s.log.String(), "is launched again") >= 3 })
	if s.ready() != 0 || s.status("/healthz") != http.StatusOK || !strings.Contains(s.log.String(), "64 hexadecimal digits, and sign again") {
		t.Errorf("ready, not alive, or: %s", s.log)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Until it is launched again it is down, and says so; and it is told to end
// at any time.
func TestDown(t *testing.T) {
	s := newScene(t)
	s.settings.restart = time.Hour
	s.start()
	s.killTrusted()
	await(t, "that it is down", func() bool {
		_, metrics := s.page("/metrics")
		return strings.Contains(metrics, "attestedhttp_up 0\n")
	})
	for range 100 {
		if code, text := s.page("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "does not serve") {
			t.Errorf("%d: %s", code, text)
		}
	}
	if s.status("/healthz") != http.StatusOK {
		t.Error("not alive")
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// What an owner has given opens for no other, though signer, product, machine
// and what the host keeps are the same.
func TestAnotherOwner(t *testing.T) {
	s := newScene(t)
	s.start()
	if status, _, err := s.do(s.client(s.owner), "PUT", "/value", value); status != http.StatusNoContent || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	for _, step := range []struct {
		name  string
		owner tls.Certificate
		opens bool
	}{
		{"the same owner", s.owner, true},
		{"another", s.newOwner(t), false},
		{"the first again", s.owner, true},
	} {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		s.log.Reset()
		s.configure(t, sha256.Sum256(step.owner.Leaf.RawSubjectPublicKeyInfo))
		s.start()
		status, text, err := s.do(s.client(), "POST", "/answer", "hello")
		if opens := status == http.StatusOK && text == answer("hello"); opens != step.opens || err != nil {
			t.Errorf("%s: %d, %q, %v", step.name, status, text, err)
		}
		if said := strings.Contains(s.log.String(), "the sealed value does not open here"); said == step.opens {
			t.Errorf("%s: it says so: %t", step.name, said)
		}
	}
}

// Told to end, it says that it is not ready any more, and goes on answering for
// those who have not heard of it.
func TestEnding(t *testing.T) {
	s := newScene(t)
	s.settings.drain = 2 * time.Second
	s.start()
	if status, _, err := s.do(s.client(s.owner), "PUT", "/value", value); status != http.StatusNoContent || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	await(t, "that it is told to end", func() bool { _, text := s.page("/readyz"); return strings.Contains(text, "told to end") })
	if status, text, err := s.do(s.client(), "POST", "/answer", "late"); status != http.StatusOK || text != answer("late") || err != nil {
		t.Errorf("%d, %q, %v", status, text, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What can never run is not tried twice.
func TestHopeless(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*settings){
		"no enclave.json": func(s *settings) { s.file = filepath.Join(s.data, "enclave.json") },
		"no EGo":          func(s *settings) { s.simulate = false; t.Setenv("EGO_HOME", s.data) },
		"no data":         func(s *settings) { s.data = s.file },
		"no status":       func(s *settings) { s.status = "nowhere:0:0" },
	} {
		settings := s.settings
		change(&settings)
		if err := run(t.Context(), settings, slog.New(slog.NewJSONHandler(s.log, nil))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if strings.Contains(s.log.String(), "launched again") {
		t.Errorf("tried again:\n%s", s.log)
	}
}
