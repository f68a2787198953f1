package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/inputs"
)

// The second run finds the machine of the first again, and on it the secret.
func TestTwice(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("trusted halves run on linux/amd64 only")
	}
	dir := t.TempDir()
	first, second := play(t, dir), play(t, dir)
	if !strings.Contains(first, "32 bytes sent") || !strings.Contains(second, "held since an earlier run") {
		t.Error("the secret is sent in the first run and held in the second")
	}
	for _, what := range []string{"root", "signer", "measurement"} {
		if lines(first, what) != lines(second, what) || lines(first, what) == "" {
			t.Errorf("%q is not the same in both runs:\n%s%s", what, lines(first, what), lines(second, what))
		}
	}
	for _, refused := range []string{"flipped bit", "other signer", "Intel's root", "garbage"} {
		if !strings.Contains(lines(first, refused), "refused: ") {
			t.Errorf("%s: not refused", refused)
		}
	}
}

func play(t *testing.T, dir string) string {
	t.Helper()
	if err := inputs.Package(trustedPackage); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-dir", dir, "-config", filepath.Join("..", "..", "enclave.json")}, &out); err != nil {
		t.Fatalf("%v after:\n%s", err, out.String())
	}
	return out.String()
}

// lines are those that say something of what.
func lines(out, what string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(strings.TrimSpace(line), what) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// A trusted half whose secret cannot be opened does not pretend to have none.
func TestTamperedSecretStopsTheTour(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("trusted halves run on linux/amd64 only")
	}
	dir := t.TempDir()
	play(t, dir)
	name := filepath.Join(dir, "blobs", "secret")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-dir", dir, "-config", filepath.Join("..", "..", "enclave.json")}, io.Discard); err == nil {
		t.Error("went on with an altered secret")
	}
}
