//go:build unix

package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/deploy"
)

// Whatever enclave.json names, to look at it ends.
func TestOpenIrregular(t *testing.T) {
	for name, of := range map[string]func(path string) error{
		"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := put(t, "", nil)
		if err := of(filepath.Join(filepath.Dir(path), "server")); err != nil {
			t.Fatal(err)
		}
		half, err := deploy.Open(path)
		if err == nil || half != nil || !strings.HasSuffix(err.Error(), "; name a file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
