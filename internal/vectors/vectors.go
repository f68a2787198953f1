// Package vectors finds genuine attestation data for tests. The data is
// public but not part of the module, so every test that uses it must be able
// to do without.
package vectors

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir is the folder of genuine data: shared/testdata beside the checkout. The
// test is skipped where there is none.
func Dir(t testing.TB) string {
	t.Helper()
	start, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		data := filepath.Join(dir, "..", "shared", "testdata")
		if exists(filepath.Join(dir, "go.mod")) && exists(filepath.Join(data, "vectors.json")) {
			return data
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no genuine vectors: shared/testdata is not beside the checkout")
		}
	}
}

// Read is the content of one file of genuine data, named by its elements.
func Read(t testing.TB, name ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{Dir(t)}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
