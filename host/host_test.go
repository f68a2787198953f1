package host_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/inputs"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// stage builds a program of testdata and describes it in an enclave.json.
func stage(t *testing.T, program string, change ...func(map[string]any)) (config string) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("trusted halves run on linux/amd64 only")
	}
	if err := inputs.Package("./testdata/" + program); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, program), "./testdata/"+program)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := map[string]any{"exe": program, "key": "private.pem", "debug": false, "heapSize": 64, "productID": 7, "securityVersion": 3}
	for _, f := range change {
		f(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "enclave.json")
	if err := os.WriteFile(config, b, 0o600); err != nil {
		t.Fatal(err)
	}
	sign(t, config)
	return config
}

// key is made once for all tests: that takes seconds.
var key struct {
	sync.Once
	pem []byte
	err error
}

// sign puts the key where the manifest has it.
func sign(t *testing.T, config string) {
	t.Helper()
	m, err := manifest.Load(config)
	if err != nil {
		t.Fatal(err)
	}
	key.Do(func() {
		if _, key.err = m.Signer(); key.err == nil {
			key.pem, key.err = os.ReadFile(m.KeyFile())
		}
	})
	if key.err != nil {
		t.Fatal(key.err)
	}
	if err := os.WriteFile(m.KeyFile(), key.pem, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRawCalls(t *testing.T) {
	config := stage(t, "rawcalls")
	var stdout, stderr bytes.Buffer
	inst, err := host.Launch(t.Context(), host.Config{File: config, Simulate: true, State: t.TempDir() + "/m", Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	simulator := inst.Simulator()
	if err := inst.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	got := answers(t, stdout.String())
	if len(got["report"]) != 16+432 || len(got["key"]) != 16 || bytes.Equal(got["key"], make([]byte, 16)) {
		t.Errorf("a report of %d bytes, a key of %d", len(got["report"]), len(got["key"]))
	}
	id := simulator.Identity
	var data [64]byte
	copy(data[:], "what the enclave says")
	v := &attest.Verifier{
		Policy:     attest.Policy{Products: []attest.Product{attest.SignedBy(id.Signer, 7, 3)}},
		Root:       simulator.Root,
		Collateral: collateral(t, simulator.State),
	}
	report, err := v.Verify(t.Context(), got["quote"], data)
	if err != nil {
		t.Fatal(err)
	}
	if report.Identity != id || id.ProductID != 7 || id.SVN != 3 {
		t.Errorf("the quote is of %+v, launched was %+v", report.Identity, id)
	}
	v.Root = nil
	if _, err := v.Verify(t.Context(), got["quote"], data); !errors.Is(err, attest.ErrForged) {
		t.Errorf("under Intel's root: %v", err)
	}
	if !strings.Contains(stderr.String(), "SIMULATION, NOT SGX") {
		t.Errorf("the simulation does not say so: %q", stderr.String())
	}
}

// collateral serves the machine's collateral, which the instance did only
// while it ran.
func collateral(t *testing.T, state string) attest.Source {
	t.Helper()
	machine, err := sim.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(machine.PCS())
	t.Cleanup(server.Close)
	return &attest.PCS{URL: server.URL + "/sgx/certification/v4"}
}

func answers(t *testing.T, out string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for line := range strings.Lines(out) {
		var what, text string
		var number int
		if _, err := fmt.Sscan(line, &what, &number, &text); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b, err := hex.DecodeString(text)
		if err != nil || len(b) == 0 {
			t.Fatalf("%q is not an answer", line)
		}
		all[what] = b
	}
	return all
}

// Without the simulator the very same program finds that the calls do not
// exist, which is what "not in an enclave" looks like.
func TestRawCallsOutside(t *testing.T) {
	config := stage(t, "rawcalls")
	out, err := exec.Command(filepath.Join(filepath.Dir(config), "rawcalls")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(out), "function not implemented"); n != 3 {
		t.Errorf("%d of 3 calls do not exist: %s", n, out)
	}
}
