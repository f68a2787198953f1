package sim_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cleave-sdk/cleave/internal/sim"
)

// What cannot be removed is reported, and the machine is there still: a root.pem
// that a mount covers, or that is immutable.
func TestFailedResetKeepsTheMachine(t *testing.T) {
	dir := fresh(t)
	m := open(t, dir)
	if _, err := m.SaveRoot(); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(m)
	immutable(t, filepath.Join(dir, "root.pem"))
	if err := sim.Reset(dir); err == nil || !strings.Contains(err.Error(), "the machine is left") {
		t.Errorf("root.pem cannot be removed: %v", err)
	}
	if fingerprint(open(t, dir)) != before {
		t.Error("the machine is another")
	}
}

// Nobody writes into the pipe: this returns or hangs.
func TestStateIsAPipe(t *testing.T) {
	dir := fresh(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), syscall.Mkfifo(filepath.Join(dir, "machine.json"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if m, err := sim.Open(dir); m != nil || !errors.Is(err, sim.ErrState) || !strings.Contains(err.Error(), "is not a regular file") {
		t.Error(err)
	}
}

const fsImmutable = 0x10 // FS_IMMUTABLE_FL

// immutable keeps everybody from removing a file, until the test is over.
func immutable(t *testing.T, name string) {
	t.Helper()
	set := func(f *os.File, flags int) error {
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := set(f, fsImmutable); err != nil {
		f.Close()
		t.Skip("nobody may make a file immutable here: ", err)
	}
	t.Cleanup(func() {
		set(f, 0)
		f.Close()
	})
}
