package host_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/host"
)

// Two trusted halves on one simulated CPU attest each other without quotes,
// by processes that come and go.
func TestLocalReports(t *testing.T) {
	state := filepath.Join(t.TempDir(), "machine")
	alice := stage(t, "localreport")
	bob := stage(t, "localreport", func(m map[string]any) { m["securityVersion"] = 4 })
	say := func(config, state string, args ...string) (string, attest.Identity, error) {
		t.Helper()
		var stdout bytes.Buffer
		inst, err := host.Launch(t.Context(), host.Config{File: config, Args: args, Simulate: true, State: state, Stdout: &stdout, Stderr: new(bytes.Buffer)})
		if err != nil {
			t.Fatal(err)
		}
		id := inst.Simulator().Identity
		err = inst.Wait()
		return strings.TrimSpace(stdout.String()), id, err
	}
	target, _, err := say(alice, state, "target")
	if err != nil {
		t.Fatal(err)
	}
	report, id, err := say(bob, state, "report", target, "hello")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := say(alice, state, "verify", report, "hello")
	if want := fmt.Sprintf("%v %d %d", id.Measurement, id.ProductID, 4); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for name, row := range map[string]struct{ config, state, report, data, says string }{
		"changed":         {alice, state, report[:len(report)-1] + "x", "hello", "invalid byte"},
		"other MAC":       {alice, state, strings.Repeat("00", 432), "hello", "not made for this enclave"},
		"other data":      {alice, state, report, "hello!", "made for something else"},
		"for another":     {bob, state, report, "hello", "not made for this enclave"},
		"another machine": {alice, state + "2", report, "hello", "not made for this enclave"},
		"cut":             {alice, state, report[2:], "hello", "malformed"},
	} {
		if got, _, err := say(row.config, row.state, "verify", row.report, row.data); err == nil || !strings.Contains(got, row.says) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
