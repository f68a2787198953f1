//go:build unix

package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// A pipe that takes a file's place after it was looked at is not waited for.
func TestSwapped(t *testing.T) {
	name := filepath.Join(t.TempDir(), "qcnl.conf")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	n := doctor.Here(func(context.Context, string) (time.Duration, error) { return 0, errors.New("not asked") })
	here := n.Stat
	n.Stat = func(file string) (doctor.Entry, error) {
		e, err := here(file)
		if "/"+file == name {
			e.Mode = os.FileMode(0o600)
		}
		return e, err
	}
	if f := qcnlAt(t, n, name); !strings.Contains(f.Says, "it is not a regular file") {
		t.Errorf("%+v", f)
	}
}

// qcnlAt is what is found of the configuration if it is at a path.
func qcnlAt(t *testing.T, n *doctor.Node, path string) doctor.Finding {
	t.Helper()
	n.Env = func(variable string) (string, bool) { return path, variable == "QCNL_CONF_PATH" }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // for the network
	defer cancel()
	for _, f := range doctor.Examine(ctx, n) {
		if f.Check == "qcnl" {
			return f
		}
	}
	t.Fatal("nothing was found")
	return doctor.Finding{}
}

// What is no file is no file of bad JSON.
func TestConfigurationHere(t *testing.T) {
	dir := t.TempDir()
	loop, file := filepath.Join(dir, "loop"), filepath.Join(dir, "file")
	if err := errors.Join(os.Symlink(loop, loop), os.WriteFile(file, []byte("<html>"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, row := range map[string]struct{ says, fix string }{
		loop:          {": too many levels of symbolic links", "put a regular file there"},
		dir:           {": it is not a regular file", "put a regular file there"},
		"/":           {"/: it is not a regular file", "put a regular file there"},
		file + "/x":   {": not a directory", "put a regular file there"},
		dir + "//no":  {"there is no " + dir + "/no", "write " + dir + "/no"},
		"/../" + file: {file + ": it is neither JSON", "it is JSON"},
	} {
		n := doctor.Here(func(context.Context, string) (time.Duration, error) { return 0, errors.New("not asked") })
		if f := qcnlAt(t, n, path); !strings.Contains(f.Says, row.says) || !strings.Contains(f.Fix, row.fix) {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

// What ego has started and left behind is not waited for.
func TestEGoLeavesSomething(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	script := "#!/bin/sh\necho EGo version=1.2.3\ncat " + pipe + " &\n"
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(filepath.Join(dir, "ego"), []byte(script), 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	var ended atomic.Bool
	end := func() { // cat
		ended.Store(true)
		if f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
	}
	waited := time.AfterFunc(20*time.Second, end)
	version, err := doctor.Here(nil).EGo(t.Context())
	if version != "1.2.3" || err != nil || ended.Load() {
		t.Errorf("%q, %v; ended: %t", version, err, ended.Load())
	}
	waited.Stop()
	end()
}
