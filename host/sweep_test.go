package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/host"
)

// hostVariable makes TestHost a host of its own, that launches what is in it.
const hostVariable = "CLEAVE_TEST_HOST"

func TestHost(t *testing.T) {
	file := os.Getenv(hostVariable)
	if file == "" {
		t.Skip("this is for TestKilledHostsAreSweptUp")
	}
	c := bridged(file, "never")
	c.Simulate, c.State = true, filepath.Join(t.TempDir(), "machine")
	inst, err := host.Launch(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	inst.Wait()
}

// startHost starts a host in a process, and returns when its trusted half runs.
func startHost(t *testing.T, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHost$")
	cmd.Env = append(os.Environ(), hostVariable+"="+file)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if lines.Text() == "ready" {
			return cmd
		}
	}
	t.Fatal("the host did not get ready")
	return nil
}

// A host that is killed leaves its socket. The next one of the same user
// removes it, and lets those alone that live.
func TestKilledHostsAreSweptUp(t *testing.T) {
	const each = 2 // sockets, of which one is for quotes
	file := stage(t, "bridged")
	t.Setenv("TMPDIR", t.TempDir())
	killed := startHost(t, file)
	left := sockets(t)
	if len(left) != each {
		t.Fatalf("a host has %v", left)
	}
	alive := startHost(t, file)
	if now := sockets(t); len(now) != 2*each {
		t.Fatalf("a second host has removed the first one's: %v", now)
	}
	killed.Process.Kill()
	killed.Wait()
	if _, err := os.Stat(left[0]); err != nil {
		t.Fatalf("nothing to sweep: %v", err)
	}
	inst, err := host.Launch(t.Context(), bridgedOnSimulator(t, file))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range left {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	if now := sockets(t); len(now) != 2*each {
		t.Errorf("of two that live there are %v", now)
	}
	if err := inst.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if alive.ProcessState != nil {
		t.Error("the host that lives has ended")
	}
}

func bridgedOnSimulator(t *testing.T, file string) host.Config {
	c := bridged(file, "never")
	c.Simulate, c.State = true, filepath.Join(t.TempDir(), "machine")
	return c
}

// What is not certainly a dead host's is nobody's to remove.
func TestSweepSparesOthers(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	dir := func(name string, mode os.FileMode, files ...string) string {
		path := filepath.Join(tmp, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(path, f), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	spared := map[string]string{
		"of another name":        dir("other-1", 0o700, "cleave.lock"),
		"without a lock":         dir("cleave-2", 0o700),
		"being made":             dir("cleave-3", 0o700, "cleave.lock.new"),
		"with other files":       dir("cleave-4", 0o700, "cleave.lock", "thesis.tex"),
		"open to others":         dir("cleave-5", 0o755, "cleave.lock"),
		"with a file for socket": dir("cleave-6", 0o700, "cleave.lock", "ocall.sock"),
		"a file":                 filepath.Join(tmp, "cleave-7"),
		"a link":                 filepath.Join(tmp, "cleave-8"),
	}
	linked := dir("elsewhere", 0o700, "cleave.lock")
	if err := errors.Join(os.WriteFile(spared["a file"], nil, 0o600), os.Symlink(linked, spared["a link"])); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		spared["of another user"] = dir("cleave-9", 0o700, "cleave.lock")
		if err := os.Chown(spared["of another user"], 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	swept := dir("cleave-dead", 0o700, "cleave.lock")
	l, err := net.Listen("unix", filepath.Join(swept, "ocall.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()

	inst, err := host.Launch(t.Context(), bridgedOnSimulator(t, stage(t, "bridged")))
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for name, path := range spared {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(linked, "cleave.lock")); err != nil {
		t.Errorf("what a link leads to: %v", err)
	}
	if _, err := os.Stat(swept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dead host's is left: %v", err)
	}
}
