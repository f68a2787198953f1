//go:build unix

package usual_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/ocall/usual"
)

// Nobody writes into the pipe: who opens it as a file waits for ever.
func TestPipes(t *testing.T) {
	d, path := directory(t)
	if err := syscall.Mkfifo(filepath.Join(path, "name"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, d, path, "name")
	if _, err := usual.OpenDirectory(filepath.Join(path, "name")); err == nil {
		t.Error("a pipe was opened as a directory")
	}
}

func TestSockets(t *testing.T) {
	d, path := directory(t)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	t.Chdir(path) // paths of sockets are short
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: "name"}); err != nil {
		t.Fatal(err)
	}
	refused(t, d, path, "name")
}

// A directory whose files may not be opened is no directory without blobs.
func TestPermissions(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may do anything")
	}
	d, path := directory(t)
	if err := d.Put(t.Context(), "name", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(path, "name"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(t.Context(), "name"); err == nil || err == usual.ErrNoBlob {
		t.Error(err)
	}
}
