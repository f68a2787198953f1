package host_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/host"
)

// printed is what testdata/egocalls prints, by name.
type printed map[string]string

func (p printed) bytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(p[name])
	if err != nil || len(b) == 0 {
		t.Fatalf("%s is %.80q", name, p[name])
	}
	return b
}

// runs is a program on a machine.
type runs struct {
	t             *testing.T
	config, state string
}

func (r runs) run(args ...string) (printed, *host.Simulator) {
	r.t.Helper()
	var stdout, stderr bytes.Buffer
	inst, err := host.Launch(r.t.Context(), host.Config{File: r.config, Args: args, Simulate: true, State: r.state, Stdout: &stdout, Stderr: &stderr, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	inst.Wait() // what it printed says more than its status
	p := printed{}
	for line := range strings.Lines(stdout.String()) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		p[name] = value
	}
	if len(p) == 0 {
		r.t.Fatalf("%v prints nothing; stderr: %s", args, stderr.String())
	}
	return p, inst.Simulator()
}

// variant is the same program on the same machine with one more line in its
// enclave.json, or another.
func (r runs) variant(name string, value any) runs {
	r.t.Helper()
	dir, from := r.t.TempDir(), filepath.Dir(r.config)
	var m map[string]any
	b, err := os.ReadFile(r.config)
	if err != nil || json.Unmarshal(b, &m) != nil {
		r.t.Fatalf("%s: %v", b, err)
	}
	m[name] = value
	if b, err = json.Marshal(m); err != nil {
		r.t.Fatal(err)
	}
	config := filepath.Join(dir, "enclave.json")
	if err := os.WriteFile(config, b, 0o600); err != nil {
		r.t.Fatal(err)
	}
	for _, file := range []any{m["exe"], m["key"]} {
		if err := os.Link(filepath.Join(from, file.(string)), filepath.Join(dir, file.(string))); err != nil {
			r.t.Fatal(err)
		}
	}
	return runs{r.t, config, r.state}
}

// egocalls is testdata/egocalls on a machine of its own.
func egocalls(t *testing.T) runs {
	t.Helper()
	return runs{t, stage(t, "egocalls"), filepath.Join(t.TempDir(), "machine")}
}

// elsewhere is the same program on another machine.
func (r runs) elsewhere() runs { return runs{r.t, r.config, r.state + "2"} }
