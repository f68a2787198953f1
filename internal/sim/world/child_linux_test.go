package world_test

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim/door"
	"github.com/cleave-sdk/cleave/internal/sim/world"
)

// child is this test in another process, in a world, where it does what it is
// told and says what came of it.
type child struct {
	to  *gob.Encoder
	by  *gob.Decoder
	pid int
}

const childVariable = "CLEAVE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	be(os.Stdin, os.Stdout)
}

// be is what the child does.
func be(in io.Reader, out io.Writer) {
	by, to := gob.NewDecoder(in), gob.NewEncoder(out)
	for {
		var what []string
		if by.Decode(&what) != nil {
			return
		}
		came, err := try(what[0], append(what[1:], "")[0])
		if err != nil {
			came = "[" + err.Error() + "]"
		}
		if to.Encode(came) != nil {
			return
		}
	}
}

// try does one thing.
func try(what, arg string) (string, error) {
	switch what {
	case "cwd":
		var b [4096]byte
		n, err := syscall.Getcwd(b[:])
		return string(b[:max(n, 1)-1]), err
	case "read":
		b, err := os.ReadFile(arg)
		return string(b), err
	case "write":
		return "", os.WriteFile(arg, []byte("written"), 0o600)
	case "open": // for writing, which is not done: the file may be the host's own
		f, err := os.OpenFile(arg, os.O_WRONLY, 0)
		if err == nil {
			err = f.Close()
		}
		return "", err
	case "list":
		entries, err := os.ReadDir(arg)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " "), err
	case "dial":
		conn, err := net.Dial("unix", arg)
		if err == nil {
			err = conn.Close()
		}
		return "", err
	case "resolve":
		addrs, err := net.LookupHost(arg)
		return strings.Join(addrs, " "), err
	case "mount":
		return "", syscall.Mount("none", arg, "tmpfs", 0, "")
	case "chroot":
		return "", syscall.Chroot(arg)
	case "mknod":
		return "", syscall.Mknod(arg, syscall.S_IFBLK|0o600, 0xfe00)
	}
	return "", errors.New("what?")
}

// build plans and builds a world with this test in it.
func build(t *testing.T, c world.Config) *child {
	t.Helper()
	c.Manifest.Exe = executable(t)
	c.Manifest.HeapSize = 64
	w, err := world.Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	child, err := launch(t, w)
	skipIfRefused(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return child
}

// skipIfRefused skips a test where namespaces are not to be had by other means
// either.
func skipIfRefused(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, door.ErrUnavailable) || errors.Is(err, world.ErrRefused) && !namespaces(t) {
		t.Skip(err)
	}
}

func namespaces(t *testing.T) bool {
	restricted, _ := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	cmd := exec.Command(executable(t))
	cmd.Env = []string{childVariable + "=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
	return cmd.Run() == nil && !strings.HasPrefix(string(restricted), "1")
}

func launch(t *testing.T, w *world.World, doors ...door.Door) (*child, error) {
	t.Helper()
	in, to := pipe(t)
	by, out := pipe(t)
	running, err := door.Start(context.Background(), door.Config{
		Path:    executable(t),
		Door:    append(doors, door.Any)[0],
		Env:     []string{childVariable + "=1"},
		Stdin:   in,
		Stdout:  out,
		Stderr:  os.Stderr,
		Handler: func(*door.Call) uint64 { return 0 },
		Prepare: func(s *door.Stopped) error { return w.Build(s) },
	})
	in.Close()
	out.Close()
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		to.Close()
		if err := running.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &child{gob.NewEncoder(to), gob.NewDecoder(by), running.Pid()}, nil
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func executable(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// ask returns what came of one thing, an error in brackets.
func (c *child) ask(t *testing.T, what string) (came string) {
	t.Helper()
	if err := c.to.Encode(strings.SplitN(what, " ", 2)); err != nil {
		t.Fatal(err)
	}
	if err := c.by.Decode(&came); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return came
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
