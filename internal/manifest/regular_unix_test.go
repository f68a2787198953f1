//go:build unix

package manifest_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// Whatever a manifest names, to look at it ends: nobody writes into the pipe,
// and the device has as many bytes as anybody reads.
func TestIrregularFiles(t *testing.T) {
	tree(t, map[string]string{
		"enclave.json": `{"exe": "server", "key": "private.pem", "heapSize": 1048576, "files": [{"source": "file", "target": "/a"}]}`,
		"server":       program, "file": "x", "private.pem": "x",
	})
	put := map[string]struct {
		in   func(name string) error
		says string
	}{
		"a pipe":       {func(name string) error { return syscall.Mkfifo(name, 0o600) }, "is no regular file"},
		"a device":     {func(name string) error { return os.Symlink("/dev/zero", name) }, "is no regular file"},
		"a directory":  {func(name string) error { return os.Mkdir(name, 0o700) }, "is a directory; name a file"},
		"many zeros":   {sparse, "there is room for"},
		"a broken end": {func(name string) error { return os.Symlink(name, name) }, "too many levels of symbolic links"},
	}
	looks := map[string]func() error{
		"enclave.json": func() error { _, err := manifest.Open("enclave.json"); return err },
		"file":         func() error { _, err := manifest.Open("enclave.json"); return err },
		"server": func() error {
			if _, err := manifest.Open("server"); err == nil || strings.HasPrefix(err.Error(), "manifest: exe: ") {
				t.Errorf("opened: %v", err)
			}
			m, err := manifest.Open("enclave.json")
			if err == nil {
				_, err = m.Measure()
			}
			return err
		},
		"private.pem": func() error {
			if _, err := manifest.SignerOf("private.pem"); err == nil {
				t.Error("is somebody's key")
			}
			_, err := at("private.pem").Signer()
			return err
		},
	}
	for name, look := range looks {
		for what, of := range put {
			if err := os.Rename(name, "kept"); err != nil {
				t.Fatal(err)
			}
			if err := of.in(name); err != nil {
				t.Fatal(err)
			}
			if err := look(); err == nil || !strings.Contains(err.Error(), of.says) {
				t.Errorf("%s is %s: %v", name, what, err)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename("kept", name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// sparse makes a file that is larger than anything is, and takes no room.
func sparse(name string) error {
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(name, 1<<40)
}
