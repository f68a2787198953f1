package inputs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A test that names its inputs is run again when one has changed, and not before.
func TestInputs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	self, err := filepath.Abs("inputs.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	write("go.mod", "module m\n\ngo 1.26\n")
	write("inputs/inputs.go", string(source))
	write("lib/lib.go", "package lib\n")
	write("program/main.go", "package main\n\nimport _ \"m/lib\"\n\nfunc main() {}\n")
	write("t/go.mod", "module m/t\n\ngo 1.26\n\nrequire m v0.0.0\n\nreplace m => ..\n")
	write("t/t_test.go", `package t

import (
	"testing"

	"m/inputs"
)

func TestT(t *testing.T) {
	for _, err := range []error{inputs.Package("m/program"), inputs.Folder("../files")} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
`)
	write("files/a", "1")
	cached := func() bool {
		t.Helper()
		cmd := exec.Command("go", "test", ".")
		cmd.Dir = filepath.Join(dir, "t")
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Contains(string(out), "(cached)")
	}
	age(t, dir)
	cached()
	age(t, dir)
	if !cached() {
		t.Fatal("nothing has changed, and it runs again")
	}
	for _, change := range []func(){
		func() { write("lib/lib.go", "package lib // changed\n") },
		func() { write("program/more.go", "package main\n") },
		func() { write("files/a", "2 and more") },
	} {
		change()
		age(t, dir)
		if cached() {
			t.Error("something has changed, and it does not run")
		}
	}
}

// age makes all files older than those that the cache does not trust yet. What
// has changed since shows by its size.
func age(t *testing.T, dir string) {
	t.Helper()
	old := time.Unix(1e9, 0)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}
