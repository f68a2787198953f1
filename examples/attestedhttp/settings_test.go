package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
)

func nothing(string) string { return "" }

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
		s, err := parse(c.args, func(name string) string { return c.environment[name] })
		if s.listen != c.listen || s.status != c.status || err != nil {
			t.Errorf("%s: %s and %s, %v", name, s.listen, s.status, err)
		}
	}
}

// What is no use is refused before anything is launched, in a sentence.
func TestBadUsage(t *testing.T) {
	for args, says := range map[string]string{
		"":                           "",
		"-simulate=false":            "",
		"-drain 0 -probe 0":          "",
		"-restart 1ns":               "",
		"-restart 24h":               "",
		"-simulate false":            "-simulate=false",
		"-simulate -- -restart":      "no other arguments",
		"enclave.json":               "no other arguments",
		"-restart 0":                 "-restart is",
		"-restart -1s":               "-restart is",
		"-restart 24h1ns":            "-restart is",
		"-restart 2562047h47m16.85s": "-restart is",
		"-drain -1ns":                "-drain and -probe",
		"-probe -1s":                 "-drain and -probe",
	} {
		_, err := parse(strings.Fields(args), nothing)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Who asks for readiness while that is asked waits for two answers and the
// pause between them: a probe has to have the patience.
func TestProbesWait(t *testing.T) {
	s, err := parse(nil, nothing)
	if err != nil {
		t.Fatal(err)
	}
	longest := probeTime + s.probe + probeTime
	if calls.Renewal.Timeout >= probeTime {
		t.Errorf("a question takes %v, and what is told meanwhile %v", probeTime, calls.Renewal.Timeout)
	}
	files, err := filepath.Glob("deploy/overlays/*/deployment.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d overlays, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`timeoutSeconds: (\d+)`).FindAllSubmatch(text, -1)
		if len(found) != 2 {
			t.Fatalf("%s: %d timeouts", file, len(found))
		}
		for _, f := range found {
			seconds, err := strconv.Atoi(string(f[1]))
			if patience := time.Duration(seconds) * time.Second; err != nil || longest >= patience {
				t.Errorf("%s: a probe waits %v, and the answer takes %v", file, patience, longest)
			}
		}
	}
}
