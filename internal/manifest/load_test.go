package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// tree writes files into a new directory, which becomes the working directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func TestLoad(t *testing.T) {
	dir := tree(t, map[string]string{"app/enclave.json": full, "ca.pem": "trust me"})
	m, err := manifest.Load("app/enclave.json")
	if err != nil {
		t.Fatal(err)
	}
	if m.Executable() != "app/server" || m.KeyFile() != "app/keys/private.pem" {
		t.Errorf("program at %s, key at %s", m.Executable(), m.KeyFile())
	}
	if string(m.Files[0].Content) != "trust me" {
		t.Errorf("embedded %q", m.Files[0].Content)
	}
	claims := strings.Replace(full, `"target": "/etc/ssl/ca.pem"`, `"target": "/etc/ssl/ca.pem", "content": "ZXZpbA=="`, 1)
	if err := os.WriteFile("claims.json", []byte(claims), 0o644); err != nil {
		t.Fatal(err)
	}
	if m, err := manifest.Load("claims.json"); err != nil || string(m.Files[0].Content) != "trust me" {
		t.Errorf("embedded what the manifest claims: %v", err)
	}
	abs, err := manifest.Load(filepath.Join(dir, "app", "enclave.json"))
	if err != nil || abs.Executable() != filepath.Join(dir, "app", "server") {
		t.Errorf("program at %s, %v", abs.Executable(), err)
	}
	m.Exe = "/usr/bin/server"
	if m.Executable() != "/usr/bin/server" {
		t.Errorf("program at %s", m.Executable())
	}
	if d := manifest.Default("./server"); d.Executable() != "server" || d.KeyFile() != "private.pem" {
		t.Errorf("by default, program at %s, key at %s", d.Executable(), d.KeyFile())
	}
}

func TestNotLoaded(t *testing.T) {
	const small = `{"exe": "e", "key": "k", "heapSize": 1, "files": [{"source": "one", "target": "/a"}, {"source": "two", "target": "/b"}]}`
	tree(t, map[string]string{
		"lacking.json": full,
		"full.json":    small,
		"bad.json":     "{",
		"one":          "x",
		"two":          strings.Repeat("x", 1<<20),
		"huge.json":    strings.Repeat(" ", 1<<20+1),
	})
	for file, says := range map[string]string{
		"none.json":    "no such file",
		"lacking.json": "files[0].source: open ca.pem: no such file",
		"full.json":    "files[1].source: two has more than the 1048575 bytes",
		"bad.json":     "manifest: bad.json: ends in the middle",
		"huge.json":    "more than the 1048576 bytes",
		".":            "is a directory",
	} {
		m, err := manifest.Load(file)
		if m != nil || err == nil || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), "manifest: ") != 1 {
			t.Errorf("%s: %v", file, err)
		}
	}
}
