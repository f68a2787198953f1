// Package outside tells the test cache of what lies outside this module. It is
// for tests.
package outside

import (
	"os"
	"testing"
)

// Folder has t run again when something in dir has changed. The test cache looks
// again only at what is inside the module by its name, and so the name that is
// read has dots in it.
func Folder(t testing.TB, dir string) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadDir(here + "/" + dir); err != nil {
		t.Fatal(err)
	}
}
