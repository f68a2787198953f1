package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// What runs is measured by its bytes, wherever they are.
func TestMeasureRunning(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"exe": "program", "copy": "program", "other": "Program", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m := &manifest.Manifest{Exe: filepath.Join(dir, "exe")}
	want, err := m.Measure()
	if err != nil {
		t.Fatal(err)
	}
	for name, same := range map[string]bool{"exe": true, "copy": true, "other": false, "empty": false} {
		if got, err := m.MeasureRunning(filepath.Join(dir, name)); err != nil || (got == want) != same {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	if _, err := m.MeasureRunning(filepath.Join(dir, "none")); err == nil {
		t.Error("nothing was measured")
	}
}
