package host_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prepareHurdles puts this process where systems are that allow less, by
// executing it again: "limit" is a user without user namespaces to be had,
// "profile" has no new namespaces and mounts, as in Docker, and "traced" has a
// tracer that follows all processes.
func prepareHurdles(kind string) {
	var err error
	switch kind {
	case "":
		return
	case "limit":
		err = limit()
	case "profile":
		err = profile()
	case "traced":
		err = traced()
	}
	if err == nil {
		os.Setenv(hurdlesVariable, "")
		err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	panic(err)
}

// limit leaves the user namespace that this process is root of none to make,
// and takes its rights.
func limit() error {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	runtime.LockOSThread() // whose the bounding set is
	for c := range unix.CAP_LAST_CAP + 1 {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

func traced() error {
	os.Setenv(hurdlesVariable, "")
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	strace := []string{"strace", "-f", "-e", "trace=none", "-o", "/dev/null", exe}
	return syscall.Exec(os.Getenv(straceVariable), append(strace, os.Args[1:]...), os.Environ())
}

func profile() error {
	runtime.LockOSThread()
	denied := []uint32{unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR}
	for number := range uint32(10) {
		denied = append(denied, 1000+number) // the runtime's, as all that the profile does not know
	}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}}
	for i, number := range denied {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number, Jt: uint8(len(denied) - i)})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// Where there can be no world of its own, the trusted half runs with the
// host's, and a line says so; or does not run.
func TestWithoutNamespaces(t *testing.T) {
	s := newScene(t, builds["static"], uint32(os.Getuid()))
	for hurdles, says := range map[string]string{
		"limit":   "raise the sysctl user.max_user_namespaces",
		"profile": "--security-opt seccomp=unconfined",
	} {
		s.hurdles, s.strict = hurdles, false
		got, stderr, err := s.launch(t, "cwd", "read /etc/ssl/ca.pem", "read secret", "ping hello", "fork", "stdin")
		if err != nil {
			t.Errorf("%s: %v: %s", hurdles, err, stderr)
			continue
		}
		for thing, want := range map[string]string{
			"cwd": s.dir, "read secret": "the host's own", "ping hello": "hello!", "stdin": "what is read",
			"read /etc/ssl/ca.pem": "error: open /etc/ssl/ca.pem: no such file or directory",
			"fork":                 "error: function not implemented",
		} {
			if got[thing] != want {
				t.Errorf("%s: %s: %q", hurdles, thing, got[thing])
			}
		}
		if strings.Count(stderr, "\n") != 2 || !strings.Contains(stderr, "not reproduced: EGo's empty root") || !strings.Contains(stderr, says) {
			t.Errorf("%s: %s", hurdles, stderr)
		}
		s.strict = true
		got, stderr, err = s.launch(t, "cwd")
		if err == nil || len(got) > 0 || !strings.Contains(stderr, "inside: host: with Strict") || !strings.Contains(stderr, says) {
			t.Errorf("%s, strict: %v, %v: %s", hurdles, got, err, stderr)
		}
	}
}

// Where the trusted half cannot be kept from starting processes, it does not
// run.
func TestUnderStrace(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace")
	}
	s := newScene(t, builds["static"], uint32(os.Getuid()))
	s.hurdles, s.strace = "traced", strace
	for _, s.strict = range []bool{false, true} {
		got, stderr, err := s.launch(t, "cwd", "fork")
		if err == nil || len(got) > 0 || !strings.Contains(stderr, "run it outside of strace -f") || strings.Contains(stderr, "not reproduced") {
			t.Errorf("%v, %v: %s", got, err, stderr)
		}
	}
}
