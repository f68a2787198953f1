// Package inputs tells the test cache what a test depends on beside what its own
// process reads: what a child process compiles, and files of another module. It
// is for tests, which would otherwise pass unrun after a change.
package inputs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Package has tests run again when a package, named as "go build" names it, or
// one that it imports has changed. Those of the standard library and of the
// module cache do not change.
func Package(name string) error {
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.Dir}}{{end}}", name)
	folders, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list %s: %w", name, err)
	}
	for folder := range strings.Lines(string(folders)) {
		if err := Folder(strings.TrimSpace(folder)); err != nil {
			return err
		}
	}
	return nil
}

// Folder has tests run again when a file in it has changed. Not in those below
// it.
func Folder(path string) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	below, err := filepath.Rel(here, path)
	if err != nil {
		return err
	}
	// The cache looks again only at what is inside the module by its name. So the
	// name begins there, wherever it goes.
	_, err = os.ReadDir(here + "/" + filepath.ToSlash(below))
	return err
}
