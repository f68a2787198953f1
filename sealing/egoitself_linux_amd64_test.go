package sealing_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

// EGo's own ecrypto seals in an enclave of the simulator, and its enclave's
// keys open what it made. CLEAVE_EGO names a checkout of
// github.com/edgelesssys/ego.
func TestEGoItself(t *testing.T) {
	checkout := os.Getenv("CLEAVE_EGO")
	if checkout == "" {
		t.Skip("CLEAVE_EGO is not set")
	}
	var stdout, stderr bytes.Buffer
	state := filepath.Join(t.TempDir(), "machine")
	inst, err := host.Launch(t.Context(), host.Config{File: buildEGo(t, checkout), Simulate: true, State: state, Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	machine, err := sim.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	id := inst.Simulator().Identity
	keys := simulated{machine.Enclave(sim.Identity{MRENCLAVE: id.Measurement, MRSIGNER: id.Signer, ProductID: id.ProductID, SVN: id.SVN, Debug: id.Debug}), new(int)}
	opened := 0
	for line := range strings.Lines(stdout.String()) {
		var binding, text string
		var bits, size int
		if _, err := fmt.Sscan(line, &binding, &bits, &size, &text); err != nil {
			t.Fatalf("%.80q: %v", line, err)
		}
		blob, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		right, wrong := sealing.New(keys, sealing.ToEnclave), sealing.New(keys, sealing.ToSigner)
		if binding == "product" {
			right, wrong = wrong, right
		}
		want := map[int]string{0: "", 17: "a secret of EGo's", 200_000: strings.Repeat("long ", 40_000)}[size]
		*keys.asked = 0
		if got, err := right.OpenEGo(blob, additional); err != nil || string(got) != want || *keys.asked != bits/128 {
			t.Errorf("%s, %d bits, %d bytes: %.20q, %v", binding, bits, size, got, err)
		}
		if got, err := wrong.OpenEGo(blob, additional); err == nil {
			t.Errorf("%s opens under the other binding: %.20q", binding, got)
		}
		opened++
	}
	if opened != 12 {
		t.Errorf("%d blobs", opened)
	}
	t.Logf("%d blobs of %v", opened, id.Measurement)
}

// buildEGo builds testdata/ego, and returns its enclave.json.
func buildEGo(t *testing.T, checkout string) (config string) {
	t.Helper()
	program, err := os.ReadFile("testdata/ego/main.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go":      string(program),
		"go.mod":       "module program\n\ngo 1.26\n\nrequire github.com/edgelesssys/ego v0.0.0\n\nreplace github.com/edgelesssys/ego => " + checkout + "\n",
		"enclave.json": `{"exe":"program","key":"private.pem","debug":false,"heapSize":64,"productID":7,"securityVersion":3}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-mod=mod", "-o", "program", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "enclave.json")
}
