package enclavetest_test

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"

	"github.com/cleave-sdk/cleave/host"
)

// Where EGo is installed and there is SGX, the suite runs on the hardware,
// under Intel's root and with the collateral of Intel's service.
func TestEGo(t *testing.T) {
	ego, egoGo := installed(t, "ego"), installed(t, "ego-go")
	dir := t.TempDir()
	config := stage(t, dir, egoGo)
	sign := exec.Command(ego, "sign", "conformance")
	sign.Dir = dir
	if out, err := sign.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var out bytes.Buffer
	inst, err := host.Launch(t.Context(), host.Config{File: config, Args: suite(), EGo: ego, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	err = inst.Wait()
	if errors.Is(err, host.ErrNoSGX) {
		t.Skipf("it was built and signed, but cannot run: %v", err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	passed(t, out.String())
}

// installed finds a command in PATH.
func installed(t *testing.T, command string) string {
	t.Helper()
	path, err := exec.LookPath(command)
	if err != nil {
		t.Skipf("EGo is not installed: %v", err)
	}
	return path
}
