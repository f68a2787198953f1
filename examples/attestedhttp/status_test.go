package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Strangers who connect and say nothing are no more than so many at once, and
// keep nobody out for long.
func TestStatusWhileStrangersConnect(t *testing.T) {
	log := new(transcript)
	s, err := serveStatus(settings{status: "127.0.0.1:0"}, &state{metrics: newMetrics()}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const slack = 50 // for what other tests leave, and take with them
	before := descriptors(t, os.Getpid())
	silent := connect(t, s.address, 2*maxStatus)
	await(t, "that it is full", func() bool { return descriptors(t, os.Getpid()) >= before+3*maxStatus-slack })
	for range 20 {
		if n := descriptors(t, os.Getpid()) - before - len(silent); n > maxStatus+slack {
			t.Fatalf("%d of %d are served at once", n, len(silent))
		}
		time.Sleep(time.Millisecond)
	}
	for _, c := range silent[maxStatus:] {
		c.Close()
	}
	response, err := http.Get("http://" + s.address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); string(text) != "ok\n" || !response.Close {
		t.Errorf("%q, and the connection is kept: %t", text, !response.Close)
	}
	if n := strings.Count(log.String(), "\n"); n > 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// connect makes connections on which nothing is said.
func connect(t *testing.T, address string, n int) (silent []net.Conn) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		silent = append(silent, c)
	}
	return silent
}

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

// The environment that cleave manifest writes moves the ports; flags outrank it.
func TestPorts(t *testing.T) {
	environment := map[string]string{"ATTESTED_PORT": "4433", "STATUS_PORT": "9090"}
	for name, c := range map[string]struct {
		args           []string
		environment    map[string]string
		listen, status string
	}{
		"nothing":         {nil, nil, ":8443", ":8080"},
		"the environment": {nil, environment, ":4433", ":9090"},
		"flags":           {[]string{"-listen", "127.0.0.1:1", "-status", "127.0.0.1:2"}, environment, "127.0.0.1:1", "127.0.0.1:2"},
	} {
		s := parse(c.args, func(name string) string { return c.environment[name] })
		if s.listen != c.listen || s.status != c.status {
			t.Errorf("%s: %s and %s", name, s.listen, s.status)
		}
	}
}
