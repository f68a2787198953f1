//go:build linux && amd64

package door_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim/door"
	"golang.org/x/sys/unix"
)

const ownMounts = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWIPC

// moveIn moves a child to a file system of its own with nothing in it but a
// mark and the libraries of C.
func moveIn(s *door.Stopped) error {
	m := &mover{stopped: s}
	const here = "/tmp"
	m.call(unix.SYS_MOUNT, "", "/", "", unix.MS_REC|unix.MS_PRIVATE, 0)
	m.call(unix.SYS_MOUNT, "tmpfs", here, "tmpfs", 0, 0)
	m.call(unix.SYS_CHDIR, here)
	m.call(unix.SYS_MKDIR, "mark", 0o755)
	for _, lib := range []string{"/lib", "/lib64", "/usr/lib"} {
		if target, err := os.Readlink(lib); err == nil {
			m.call(unix.SYS_SYMLINK, target, lib[1:])
			continue
		}
		if _, err := os.Stat(lib); err != nil {
			continue
		}
		if lib == "/usr/lib" {
			m.call(unix.SYS_MKDIR, "usr", 0o755)
		}
		m.call(unix.SYS_MKDIR, lib[1:], 0o755)
		m.call(unix.SYS_MOUNT, lib, lib[1:], "", unix.MS_BIND|unix.MS_REC, 0)
	}
	m.call(unix.SYS_PIVOT_ROOT, ".", ".")
	m.call(unix.SYS_UMOUNT2, ".", unix.MNT_DETACH)
	m.call(unix.SYS_CHDIR, "/")
	if m.err == nil {
		m.err = os.WriteFile(fmt.Sprintf("/proc/%d/root/written", s.Pid()), nil, 0o644)
	}
	return m.err
}

// mover makes system calls until one fails.
type mover struct {
	stopped *door.Stopped
	err     error
}

func (m *mover) call(number uintptr, args ...any) uint64 {
	registers := make([]uint64, len(args))
	for i, arg := range args {
		switch a := arg.(type) {
		case int:
			registers[i] = uint64(a)
		case string:
			if a != "" && m.err == nil {
				registers[i], m.err = m.stopped.Bytes([]byte(a))
			}
		}
	}
	if m.err != nil {
		return 0
	}
	r, err := m.stopped.Call(number, registers...)
	if err != nil {
		m.err = fmt.Errorf("call %d %v: %w", number, args, err)
	}
	return r
}

// prepared is a supervisor whose child moves.
func prepared(t testing.TB, uid uint32, namespaces int, deny string, args ...string) *exec.Cmd {
	cmd := supervisor(t, uid, deny, args...)
	cmd.Env = append(cmd.Env, fmt.Sprint("DOOR_NAMESPACES=", namespaces))
	return cmd
}

func TestPrepare(t *testing.T) {
	programs := map[string]string{"static": probe(), "dynamic": probeWithC(t)}
	eachDoor(t, func(t by) {
		for _, uid := range []uint32{0, ordinary()} {
			for name, exe := range programs {
				out, err := prepared(t, uid, ownMounts, "", exe, "look", "/").Output()
				if strings.HasPrefix(string(out), "no namespaces") {
					t.Skipf("%s", out)
				}
				id := max(int(uid), os.Getuid())
				if err != nil || !strings.Contains(string(out), "mark ") || !strings.Contains(string(out), "written ") ||
					strings.Contains(string(out), "proc ") || !strings.HasSuffix(string(out), fmt.Sprintf("<nil> / %d %[1]d 0\n", id)) {
					t.Errorf("%s, as %d: %s, %v", name, uid, out, err)
				}
			}
		}
	})
}

// Where the kernel does not give what it takes, the caller is told so, and may
// start the program without.
func TestPrepareIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		door       door.Door
		profile    string
		namespaces int
		path       string
		want       string
	}{
		"namespaces, by Docker":        {door.Any, dockerEPERM, ownMounts, probe(), "no namespaces door: the kernel gives this process no such namespaces: fork/exec"},
		"no privilege for mounts":      {door.Notify, "", unix.CLONE_NEWNS, probe(), "no namespaces door: the kernel gives this process no such namespaces: fork/exec"},
		"that, by traps":               {door.Trap, "", unix.CLONE_NEWNS, probe(), "no namespaces door: the kernel gives this process no such namespaces: fork/exec"},
		"flags that do not go":         {door.Any, "", unix.CLONE_NEWNS | unix.CLONE_FS, probe(), "invalid argument; the kernel was built without them"},
		"ptrace":                       {door.Any, deny(unix.SYS_PTRACE, unix.EPERM), ownMounts, probe(), "unavailable door: runtime calls cannot be served here: the child may not be traced; run it outside of strace"},
		"mount":                        {door.Any, deny(unix.SYS_MOUNT, unix.EPERM), ownMounts, probe(), "door: preparing the child: call 165"},
		"a program that is not there":  {door.Any, "", ownMounts, "/nonexistent", "door: fork/exec /nonexistent: no such file"},
		"a program that is no program": {door.Any, "", ownMounts, "/etc/passwd", "door: fork/exec /etc/passwd: permission denied"},
	} {
		out, _ := prepared(by{t, test.door}, ordinary(), test.namespaces, test.profile, test.path, "look", "/").Output()
		if !strings.HasPrefix(string(out), test.want) && !strings.HasSuffix(string(out), test.want) || strings.Contains(string(out), "leaves a process") {
			t.Errorf("%s denied: %s", name, out)
		}
	}
}

// capabilities are the lines about them in /proc/PID/status.
func capabilities(pid int) (lines []string) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "Cap") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestCapabilitiesEnd(t *testing.T) {
	eachDoor(t, func(t by) {
		var pid int
		var before []string
		after := make(chan []string, 1)
		err := begin(t, door.Config{
			Namespaces: unix.CLONE_NEWUSER,
			Prepare:    func(s *door.Stopped) error { pid = s.Pid(); before = capabilities(pid); return nil },
			Handler: func(c *door.Call) uint64 {
				after <- capabilities(pid)
				return 0
			},
		}, "call", "1000").Wait()
		if err != nil {
			t.Fatal(err)
		}
		if len(before) != 5 || !strings.HasSuffix(before[2], "ff") {
			t.Errorf("while it is prepared the child has %q", before)
		}
		for _, line := range <-after {
			if !strings.HasSuffix(line, "\t0000000000000000") {
				t.Errorf("the program runs with %s", line)
			}
		}
	})
}

func TestBytes(t *testing.T) {
	eachDoor(t, func(t by) {
		var kept uint64
		out, err := runPrepared(t, func(s *door.Stopped) error {
			_, err0 := s.Bytes(make([]byte, 1<<16))
			first, err1 := s.Bytes([]byte("/of sixteen byte"))
			second, err2 := s.Bytes(nil)
			_, err3 := s.Bytes(make([]byte, 4<<20))
			if err0 != nil || err1 != nil || err2 != nil || !errors.Is(err3, door.ErrExhausted) || first%16 != 0 || second%16 != 0 || second < first+17 {
				t.Errorf("at %#x and %#x; %v, %v, %v, %v", first, second, err0, err1, err2, err3)
			}
			kept = first
			if _, err := s.Call(unix.SYS_CHDIR, first); err != unix.ENOENT {
				t.Errorf("a call that fails: %v", err)
			}
			return nil
		}, func(c *door.Call) uint64 {
			b, err := c.Read(kept, 32)
			if err != nil || !bytes.Equal(b, make([]byte, 32)) {
				t.Errorf("the program finds %q, %v", b, err)
			}
			return 0
		})
		if err != nil || out != "0 0\n" {
			t.Errorf("%q, %v", out, err)
		}
	})
}

func runPrepared(t by, prepare func(*door.Stopped) error, handler func(*door.Call) uint64) (string, error) {
	t.Helper()
	var out strings.Builder
	err := begin(t, door.Config{Stdout: &out, Prepare: prepare, Handler: handler}, "call", "1000").Wait()
	return out.String(), err
}

var errPrepare = errors.New("not prepared")

func TestPrepareFails(t *testing.T) {
	pid := 0
	child, err := door.Start(t.Context(), door.Config{Path: probe(), Args: []string{"probe", "nothing"}, Handler: serve,
		Prepare: func(s *door.Stopped) error { pid = s.Pid(); return errPrepare }})
	if !errors.Is(err, errPrepare) || child != nil || errors.Is(err, door.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if unix.Kill(pid, 0) != unix.ESRCH {
		t.Error("the child is still there")
	}
}
