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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/inputs"
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
var probe = sync.OnceValue(func() string {
	if err := inputs.Folder("testdata/probe"); err != nil {
		panic(err)
	}
	return build("probe", "testdata/probe", "CGO_ENABLED=0")
})

// probeWithC is the probe as a program that needs C's start-up code, its
// loader and its threads.
func probeWithC(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler")
	}
	return buildWithC()
}

var buildWithC = sync.OnceValue(func() string {
	dir := filepath.Join(workDir, "source")
	if err := os.CopyFS(dir, os.DirFS("testdata/probe")); err != nil {
		panic(err)
	}
	for name, content := range map[string]string{"go.mod": "module probe\n\ngo 1.26\n", "c.go": "package main\n\nimport \"C\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			panic(err)
		}
	}
	return build("probe-c", dir, "CGO_ENABLED=1", "GOWORK=off")
})

func build(name, dir string, env ...string) string {
	exe := filepath.Join(workDir, name)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", exe)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	return exe
}

// by is a test by one door.
type by struct {
	*testing.T
	door door.Door
}

// eachDoor runs f for each door.
func eachDoor(t *testing.T, f func(by)) {
	for _, d := range []door.Door{door.Notify, door.Trap} {
		t.Run(d.String(), func(t *testing.T) { f(by{t, d}) })
	}
}

// run runs the probe to its end.
func run(t by, handler func(*door.Call) uint64, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := begin(t, door.Config{Stdout: &out, Stderr: &out, Handler: handler}, args...).Wait()
	return out.String(), err
}

// begin starts the probe.
func begin(t by, c door.Config, args ...string) *door.Child {
	t.Helper()
	if c.Path == "" {
		c.Path = probe()
	}
	c.Door = t.door
	c.Args = append([]string{"probe"}, args...)
	child, err := door.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if child.Door() != t.door {
		t.Errorf("the %s door serves", child.Door())
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
	if profile := os.Getenv("DOOR_PROFILE"); profile != "" {
		enforce(profile)
	}
	c := door.Config{
		Path: os.Args[1], Args: append([]string{"probe"}, os.Args[2:]...),
		Stdout: os.Stdout, Stderr: os.Stdout, Handler: serve,
	}
	n, _ := strconv.Atoi(os.Getenv("DOOR_DOOR"))
	c.Door = door.Door(n)
	if flags := os.Getenv("DOOR_NAMESPACES"); flags != "" {
		n, _ := strconv.ParseUint(flags, 0, 64)
		c.Namespaces, c.Prepare = uintptr(n), moveIn
	}
	hammer := os.Args[2] == "hammer"
	if hammer {
		c.Handler, c.Prepare = halfAnswer, mapNote(os.Args[3])
	}
	child, err := door.Start(context.Background(), c)
	if err != nil {
		complain(err)
		return
	}
	if hammer {
		fmt.Println(child.Pid())
	}
	if os.Getenv("DOOR_DOOR") == "" && os.Getenv("DOOR_PROFILE") != "" {
		fmt.Print(child.Door(), " ")
	}
	if err := child.Wait(); err != nil {
		fmt.Print(" ", err)
	}
}

// halfAnswer never answers the higher half of the calls.
func halfAnswer(c *door.Call) uint64 {
	if c.Number >= 1002 {
		select {}
	}
	return 42
}

func complain(err error) {
	for name, kind := range map[string]error{
		"unavailable ": door.ErrUnavailable, "no namespaces ": door.ErrNamespaces,
	} {
		if errors.Is(err, kind) {
			fmt.Print(name)
		}
	}
	fmt.Print(err)
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		fmt.Print(" but leaves a process")
	}
}

// supervisor is that process. It runs as uid, if not zero, and under a profile,
// if there is one.
func supervisor(t testing.TB, uid uint32, profile string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testBinary(), args...)
	cmd.Env = append(os.Environ(), "DOOR_SUPERVISOR=1", "DOOR_PROFILE="+profile)
	if t, ok := t.(by); ok {
		cmd.Env = append(cmd.Env, fmt.Sprint("DOOR_DOOR=", int(t.door)))
	}
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
