package enclavetest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// What TestHere is told by whoever starts it in an enclave. A program that
// decides anything by what a quote says must not take a root from there.
const (
	rootVariable = "EDG_TEST_ROOT" // PEM
	pcsVariable  = "EDG_TEST_PCS"
)

// TestHere is the suite on whatever platform the test runs on: this very test,
// built by `go test -c`, on the simulator, or on SGX by `ego-go test -c`,
// `ego sign` and `ego run`.
func TestHere(t *testing.T) {
	p, err := enclave.Open()
	if errors.Is(err, enclave.ErrOutside) && os.Getenv(pcsVariable) == "" {
		t.Skip("not inside an enclave")
	}
	if err != nil {
		t.Fatal(err)
	}
	v := &attest.Verifier{Policy: only(p.Identity())} // with Intel's root and service, unless told otherwise
	if block, _ := pem.Decode([]byte(os.Getenv(rootVariable))); block != nil {
		if v.Root, err = x509.ParseCertificate(block.Bytes); err != nil {
			t.Fatal(err)
		}
		v.Collateral = &attest.Cache{Source: &attest.PCS{URL: os.Getenv(pcsVariable)}}
	}
	enclavetest.TestPlatform(t, p, v)
}

func TestSimulator(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("trusted halves run on linux/amd64 only")
	}
	dir := t.TempDir()
	config := stage(t, dir, "go")
	state := filepath.Join(dir, "machine")
	machine, err := sim.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	pcs := httptest.NewServer(machine.PCS())
	defer pcs.Close()
	t.Setenv(rootVariable, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: machine.Root().Raw})))
	t.Setenv(pcsVariable, pcs.URL+"/sgx/certification/v4")

	var stdout, stderr bytes.Buffer
	inst, err := host.Launch(t.Context(), host.Config{
		File:     config,
		Args:     suite(),
		Simulate: true,
		State:    state,
		Stdout:   &stdout,
		Stderr:   &stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); err != nil {
		t.Fatalf("%v: %s%s", err, stdout.String(), stderr.String())
	}
	passed(t, stdout.String())
}

// suite has the trusted half be TestHere.
func suite() []string { return []string{"-test.run=^TestHere$", "-test.v"} }

// passed makes sure that no part of the suite was left out.
func passed(t *testing.T, printed string) {
	t.Helper()
	for _, part := range []string{"", "/Identity", "/Quotes", "/LocalReports", "/SealingKeys", "/Sealing", "/TLS"} {
		if !strings.Contains(printed, "--- PASS: TestHere"+part+" ") {
			t.Errorf("TestHere%s has not passed: %s", part, printed)
		}
	}
}

// stage makes a trusted half of this test, by the go command or that of EGo.
func stage(t *testing.T, dir, goCommand string) (config string) {
	t.Helper()
	build := exec.Command(goCommand, "test", "-c", "-o", filepath.Join(dir, "conformance"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := json.Marshal(map[string]any{"exe": "conformance", "key": "private.pem", "heapSize": 64, "productID": 7, "securityVersion": 3})
	if err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "enclave.json")
	if err := os.WriteFile(config, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}
