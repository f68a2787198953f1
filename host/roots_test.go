package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/host/testdata/roots/offer"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/ocall"
)

// A host that would have the trusted half believe the simulator's quotes gives
// it the simulator's root on every way it has, and collateral that ends in it,
// as the quote itself does. It is of no use: the root is either measured with
// the trusted half or it is Intel's.
func TestOfferedRoots(t *testing.T) {
	o := offered(t, filepath.Join(t.TempDir(), "machine"))
	other := offered(t, filepath.Join(t.TempDir(), "other"))
	plain := runs{t: t, config: stage(t, "roots", o.mount)}
	measuring := func(root string) (config string) {
		return plain.variant("env", []any{map[string]any{"name": "MEASURED_ROOT", "value": root}}).config
	}
	seen := map[attest.Measurement]string{}
	for name, test := range map[string]struct {
		config string
		want   string
	}{
		"Intel's":            {plain.config, "forged"},
		"measured":           {measuring(o.root), "accepted"},
		"another's measured": {measuring(other.root), "forged"},
		"embedded":           {o.embedding(t), "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			got, id := o.run(t, test.config)
			for _, way := range []string{"service", "argument", "ocall", "environment", "file"} {
				if got[way] != test.want {
					t.Errorf("%s: %s, want %s", way, got[way], test.want)
				}
			}
			if len(got) != 5 || seen[id.Measurement] != "" {
				t.Errorf("%v; the measurement is that of %q", got, seen[id.Measurement])
			}
			seen[id.Measurement] = name
		})
	}
}

// offers are what a host has of a machine.
type offers struct {
	state, dir, url, bundle, root string
}

func offered(t *testing.T, state string) *offers {
	t.Helper()
	machine, err := sim.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(machine.PCS())
	t.Cleanup(server.Close)
	o := &offers{
		state: state,
		dir:   t.TempDir(),
		url:   server.URL + "/sgx/certification/v4",
		root:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: machine.Root().Raw})),
	}
	subject := attest.Subject{FMSPC: machine.Platform().FMSPC, CA: "platform"}
	collateral, err := (&attest.PCS{URL: o.url}).Collateral(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(attest.Bundle{subject: collateral})
	if err != nil {
		t.Fatal(err)
	}
	o.bundle = string(b)
	for name, text := range map[string]string{"bundle.json": o.bundle, "root.pem": o.root} {
		if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// mount gives the trusted half the host's folder.
func (o *offers) mount(m map[string]any) {
	m["mounts"] = []any{map[string]any{"source": o.dir, "target": "/host", "type": "hostfs", "readOnly": true}}
}

// embedding is a build with the root in the place of an empty file.
func (o *offers) embedding(t *testing.T) (config string) {
	t.Helper()
	source, err := filepath.Abs("testdata/roots/root.pem")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(o.dir, "root.pem")}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	flags := os.Getenv("GOFLAGS")
	defer os.Setenv("GOFLAGS", flags)
	os.Setenv("GOFLAGS", strings.TrimSpace(flags+" -overlay="+path))
	return stage(t, "roots", o.mount)
}

// run offers everything, the root under every name that may mean something.
func (o *offers) run(t *testing.T, config string) (printed, attest.Identity) {
	t.Helper()
	rootFile := filepath.Join(o.dir, "root.pem")
	for name, value := range map[string]string{
		"MEASURED_ROOT": o.root, "EDG_MEASURED_ROOT": o.root, "EDG_ROOT": o.root, "EDG_CLEAVE_ROOT": o.root, "CLEAVE_ROOT": o.root,
		"SSL_CERT_FILE": rootFile, "SSL_CERT_DIR": o.dir, "EDG_SSL_CERT_FILE": rootFile, "EDG_BUNDLE": o.bundle,
	} {
		t.Setenv(name, value)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "root.pem"), []byte(o.root), 0o600); err != nil {
		t.Fatal(err)
	}
	var mux ocall.Mux
	offer.Root.Handle(&mux, func(context.Context, string) ([]byte, error) { return []byte(o.root), nil })
	offer.Bundle.Handle(&mux, func(context.Context, string) ([]byte, error) { return []byte(o.bundle), nil })
	var stdout, stderr bytes.Buffer
	inst, err := host.Launch(t.Context(), host.Config{
		File: config, Args: []string{o.url, o.bundle, filepath.Join(o.dir, "bundle.json"), o.root},
		Service: offer.Service, Calls: &mux, Simulate: true, State: o.state, Stdout: &stdout, Stderr: &stderr, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	got := printed{}
	for line := range strings.Lines(stdout.String()) {
		way, came, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		got[way] = came
	}
	if got["offered"] == "" || strings.HasPrefix(got["offered"], "0 ") {
		t.Errorf("the ocall was answered with %s", got["offered"])
	}
	delete(got, "offered")
	return got, inst.Simulator().Identity
}
