package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
)

// descriptors is how many files and sockets a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Skipf("this counts what /proc has: %v", err)
	}
	return len(entries)
}

// There is nothing but the three pages, and nothing to send to them.
func TestStatusPages(t *testing.T) {
	s, err := serveStatus(settings{status: "127.0.0.1:0"}, &state{metrics: newMetrics()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for question, want := range map[string]int{
		"GET /healthz":      200,
		"GET /readyz":       503,
		"GET /metrics":      200,
		"POST /metrics":     405,
		"GET /debug/pprof/": 404,
		"GET /":             404,
	} {
		method, path, _ := strings.Cut(question, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+path, strings.NewReader(strings.Repeat("a", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			continue // hung up on while it was sending, which it may be
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d", question, response.StatusCode)
		}
	}
}
