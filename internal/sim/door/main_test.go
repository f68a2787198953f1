//go:build linux && amd64

package door_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/sim/door"
	"golang.org/x/sys/unix"
)

// workDir holds what is built for the tests, where other users can read it.
var workDir string

func TestMain(m *testing.M) {
	if os.Getenv("DOOR_SUPERVISOR") != "" {
		supervise()
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "door")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			panic(err)
		}
		workDir = dir
		return m.Run()
	}())
}

// probe is testdata/probe, built by plain go build without cgo.
var probe = sync.OnceValue(func() string { return build("probe", "CGO_ENABLED=0") })

func build(name string, env ...string) string {
	exe := filepath.Join(workDir, name)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", exe, "./testdata/probe")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	return exe
}

// run runs the probe to its end.
func run(t *testing.T, handler func(*door.Call) uint64, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := begin(t, door.Config{Stdout: &out, Stderr: &out, Handler: handler}, args...).Wait()
	return out.String(), err
}

// begin starts the probe.
func begin(t *testing.T, c door.Config, args ...string) *door.Child {
	t.Helper()
	if c.Path == "" {
		c.Path = probe()
	}
	c.Args = append([]string{"probe"}, args...)
	child, err := door.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return child
}

// serve is the other side of the probe's transform.
func serve(c *door.Call) uint64 {
	const invalid, exhausted = 3, 7
	if c.Number == 1001 {
		if !c.Free(c.Args[0]) {
			return invalid
		}
		return 0
	}
	b, err := c.Read(c.Args[0], int(c.Args[1]))
	if err != nil {
		return invalid
	}
	addr, err := c.Alloc(len(b))
	if err != nil {
		return exhausted
	}
	for i := range b {
		b[i] ^= 0x5a
	}
	err = errors.Join(c.Write(addr, b),
		c.Write(c.Args[4], binary.LittleEndian.AppendUint64(nil, addr)),
		c.Write(c.Args[5], binary.LittleEndian.AppendUint64(nil, uint64(len(b)))))
	if err != nil {
		return invalid
	}
	return 0
}

// supervise is this binary as another process with a child of its own: the
// program and its arguments are on the command line.
func supervise() {
	if deny := os.Getenv("DOOR_DENY"); deny != "" {
		number, errno, _ := strings.Cut(deny, ":")
		denyCall(number, errno)
	}
	handler := serve
	if os.Args[2] == "hammer" {
		handler = func(c *door.Call) uint64 {
			if c.Number >= 1002 {
				select {}
			}
			return 42
		}
	}
	child, err := door.Start(context.Background(), door.Config{
		Path: os.Args[1], Args: append([]string{"probe"}, os.Args[2:]...),
		Stdout: os.Stdout, Stderr: os.Stdout, Handler: handler,
	})
	if errors.Is(err, door.ErrUnavailable) {
		fmt.Print("unavailable ")
	}
	if err != nil {
		fmt.Print(err)
		if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
			fmt.Print(" but leaves a process")
		}
		return
	}
	if os.Args[2] == "hammer" {
		fmt.Println(child.Pid())
	}
	if err := child.Wait(); err != nil {
		fmt.Print(" ", err)
	}
}

// denyCall has the kernel fail a call in all threads of this process, as a
// container's profile does. With number "listener" it makes a listener.
func denyCall(number, errno string) {
	n, _ := strconv.Atoi(number)
	e, _ := strconv.Atoi(errno)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(n), Jf: 1},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(e)},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
	}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_TSYNC)
	if number == "listener" {
		filter = filter[3:]
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program))); errno != 0 {
		panic(errno)
	}
}

// supervisor is that process. It runs as uid, if not zero.
func supervisor(t *testing.T, uid uint32, deny string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testBinary(), args...)
	cmd.Env = append(os.Environ(), "DOOR_SUPERVISOR=1", "DOOR_DENY="+deny)
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

// testBinary is a copy that other users may run.
var testBinary = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	exe := filepath.Join(workDir, "supervisor")
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		panic(err)
	}
	return exe
})
