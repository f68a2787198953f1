package sim_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim"
)

// openVariable makes the test binary a process that opens the named machine
// when its standard input ends.
const openVariable = "CLEAVE_TEST_OPEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(openVariable); dir != "" {
		openAtSignal(dir)
		return
	}
	os.Exit(m.Run())
}

func openAtSignal(dir string) {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	m, err := sim.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fingerprint(m))
}

// fingerprint is equal for equal machines: public parts and a derived key.
func fingerprint(m *sim.Machine) string {
	e := m.Enclave(identity())
	k, err := e.Key(egoRequest(e))
	return fmt.Sprintf("%x %v %x %v", m.Root().Raw, m.Platform(), k, err)
}

func TestProcessesShareAMachine(t *testing.T) {
	const processes = 8
	dir := filepath.Join(t.TempDir(), "new", "machine")
	children := make([]*child, processes)
	for i := range children {
		children[i] = startChild(t, dir)
	}
	for _, c := range children {
		c.stdin.Close()
	}
	want := ""
	for i, c := range children {
		got := c.line(t)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("process %d has another machine:\n%s\nwant\n%s", i, got, want)
		}
	}
	if got := fingerprint(open(t, dir)); got != want {
		t.Errorf("a later process has another machine:\n%s\nwant\n%s", got, want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

type child struct {
	stdin  io.Closer
	stdout *bufio.Scanner
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), openVariable+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	c := &child{stdin, bufio.NewScanner(stdout)}
	if got := c.line(t); got != "ready" {
		t.Fatalf("the child says %q", got)
	}
	return c
}

func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.stdout.Scan() {
		t.Fatalf("the child ended: %v", c.stdout.Err())
	}
	return c.stdout.Text()
}

func TestMachinesDiffer(t *testing.T) {
	a, b := open(t, fresh(t)), open(t, fresh(t))
	if fingerprint(a) == fingerprint(b) {
		t.Error("two directories are one machine")
	}
}

func TestModes(t *testing.T) {
	dir := fresh(t)
	open(t, dir)
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "machine.json"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %#o, want %#o", path, info.Mode().Perm(), want)
		}
	}
}

// An empty directory will do, but not one in which others may already wait.
func TestEmptyDirectories(t *testing.T) {
	for mode, want := range map[fs.FileMode]bool{0o700: true, 0o701: false, 0o750: false, 0o755: false, 0o777: false} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := sim.Open(dir)
		if ok := err == nil; ok != want || !ok && (!errors.Is(err, sim.ErrState) || !strings.Contains(err.Error(), "make that 0700")) {
			t.Errorf("mode %#o: %v", mode, err)
		}
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %#o was changed: %v, %v", mode, info.Mode(), err)
		}
		if entries, err := os.ReadDir(dir); err != nil || (len(entries) != 0) != want {
			t.Errorf("mode %#o: has %v, %v", mode, entries, err)
		}
	}
}

// fresh names a directory that is not there.
func fresh(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "machine")
}

func TestUnusableState(t *testing.T) {
	file := func(dir string) string { return filepath.Join(dir, "machine.json") }
	replace := func(old, new string) func(dir string) error {
		return func(dir string) error {
			b, err := os.ReadFile(file(dir))
			if err == nil && !bytes.Contains(b, []byte(old)) {
				err = fmt.Errorf("no %s in the state", old)
			}
			return errors.Join(err, os.WriteFile(file(dir), bytes.Replace(b, []byte(old), []byte(new), 1), 0o600))
		}
	}
	tests := map[string]struct {
		spoil func(dir string) error
		want  string // in the error, which names the remedy
	}{
		"directory open to others": {func(dir string) error { return os.Chmod(dir, 0o750) }, "make that 0700"},
		"file open to others":      {func(dir string) error { return os.Chmod(file(dir), 0o604) }, "make that 0600"},
		"file executable":          {func(dir string) error { return os.Chmod(file(dir), 0o700) }, "make that 0600"},
		"empty":                    {func(dir string) error { return os.Truncate(file(dir), 0) }, "remove it"},
		"cut short":                {func(dir string) error { return os.Truncate(file(dir), 500) }, "remove it"},
		"flipped":                  {replace(`"pceSVN":13`, `"pceSVN":12`), "remove it"},
		"checksum":                 {replace(`"sha256":"`, `"sha256":"A`), "remove it"},
		"no version":               {replace(`"version":2`, `"version":0`), "remove it"},
		"older version":            {replace(`"version":2`, `"version":1`), "remove it"}, // which had no history
		"newer version":            {replace(`"version":2`, `"version":3`), "newer version of Cleave"},
		"unknown member":           {replace(`"version":2`, `"version":2,"x":1`), "remove it"},
		"huge": {func(dir string) error {
			return os.WriteFile(file(dir), bytes.Repeat([]byte(" "), 2<<20), 0o600)
		}, "remove it"},
		"a directory": {func(dir string) error {
			return errors.Join(os.Remove(file(dir)), os.Mkdir(file(dir), 0o700))
		}, "is not a regular file"},
		"a link that leads out": {func(dir string) error {
			return errors.Join(os.Rename(file(dir), dir+".json"), os.Symlink(dir+".json", file(dir)))
		}, "is not a regular file: put the machine's own there"},
		"other files": {func(dir string) error {
			return errors.Join(os.Remove(file(dir)), os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600))
		}, "name a new or empty directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := fresh(t)
			open(t, dir)
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			m, err := sim.Open(dir)
			if !errors.Is(err, sim.ErrState) || m != nil {
				t.Fatalf("error %v, want ErrState", err)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %q, want %s and %q", err, dir, test.want)
			}
		})
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	for _, name := range []string{".", "machine.json"} {
		dir := fresh(t)
		open(t, dir)
		if err := os.Chown(filepath.Join(dir, name), 1, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.Open(dir); !errors.Is(err, sim.ErrState) || !strings.Contains(err.Error(), "belongs to user 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty := t.TempDir()
	if err := errors.Join(os.Chmod(empty, 0o700), os.Chown(empty, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Open(empty); !errors.Is(err, sim.ErrState) || !strings.Contains(err.Error(), "belongs to user 1") {
		t.Errorf("another user's empty directory: %v", err)
	}
}

func TestNoName(t *testing.T) {
	if _, err := sim.Open(""); !errors.Is(err, sim.ErrState) {
		t.Errorf("error %v, want ErrState", err)
	}
}

// A process that died while it made a machine leaves a file that hurts nobody.
func TestLeftovers(t *testing.T) {
	dir := fresh(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-X"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestStateIsStrict(t *testing.T) {
	dir := fresh(t)
	open(t, dir)
	good, err := os.ReadFile(filepath.Join(dir, "machine.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if _, err := sim.DecodeState(good[:i]); err == nil {
			t.Errorf("%d of %d bytes decode", i, len(good))
		}
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		if _, err := sim.DecodeState(flipped); err == nil {
			t.Errorf("byte %d flipped: decodes", i)
		}
	}
	again, err := sim.DecodeState(good)
	if err != nil || !bytes.Equal(again, good) {
		t.Errorf("encodes again as %s, %v", again, err)
	}
}

func FuzzState(f *testing.F) {
	dir := fresh(f)
	open(f, dir)
	good, err := os.ReadFile(filepath.Join(dir, "machine.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"sha256":"","machine":{}}`))
	f.Add([]byte(`{"version":2,"sha256":"","machine":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := sim.DecodeState(b)
		if err != nil {
			return
		}
		if twice, err := sim.DecodeState(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}
