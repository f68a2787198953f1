package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/ocall"
)

// builds are how programs for EGo are built.
var builds = map[string][]string{
	"static":      {"CGO_ENABLED=0"},
	"dynamic PIE": {"CGO_ENABLED=1", "GOFLAGS=-buildmode=pie"},
}

// A scene is a directory with a trusted half, what its enclave.json mounts and
// embeds, and this test, which launches it there.
type scene struct {
	dir     string
	user    uint32
	hurdles string // see prepareHurdles
	strict  bool
	strace  string // the program, for hurdles that need it
}

func newScene(t *testing.T, environment []string, user uint32) scene {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil && environment[0] == "CGO_ENABLED=1" {
		t.Skip("no C compiler")
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	dir, err := os.MkdirTemp("", "scene-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	put(t, filepath.Join(dir, "ca.pem"), "trust me")
	put(t, filepath.Join(dir, "data", "there"), "the host's")
	put(t, filepath.Join(dir, "secret"), "the host's own")
	config := stage(t, "world", func(m map[string]any) {
		m["files"] = []any{map[string]any{"source": filepath.Join(dir, "ca.pem"), "target": "/etc/ssl/ca.pem"}}
		m["mounts"] = []any{
			map[string]any{"source": "data", "target": "/data", "type": "hostfs"},
			map[string]any{"source": "data", "target": "/fixed", "type": "hostfs", "readOnly": true},
			map[string]any{"target": "/memory", "type": "memfs"},
		}
		m["env"] = []any{map[string]any{"name": "PWD", "value": "/data"}, map[string]any{"name": "FROM_HOST", "fromHost": true}}
	})
	for _, name := range []string{"enclave.json", "world", "private.pem"} {
		copyFile(t, filepath.Join(filepath.Dir(config), name), filepath.Join(dir, name))
	}
	copyFile(t, "/proc/self/exe", filepath.Join(dir, "host"))
	err = filepath.Walk(dir, func(name string, _ os.FileInfo, err error) error {
		if err == nil {
			err = os.Chown(name, int(user), int(user))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return scene{dir: dir, user: user}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o700); err != nil {
		t.Fatal(err)
	}
}

const (
	insideVariable  = "CLEAVE_TEST_INSIDE"
	hurdlesVariable = "CLEAVE_TEST_HURDLES"
	strictVariable  = "CLEAVE_TEST_STRICT"
	straceVariable  = "CLEAVE_TEST_STRACE"
)

// launch has the trusted half do things and returns what came of each, and
// what was said on standard error.
func (s scene) launch(t *testing.T, things ...string) (came map[string]string, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.dir, "host"), append([]string{"-test.run=^TestInside$"}, things...)...)
	cmd.Dir = s.dir
	cmd.Env = []string{insideVariable + "=1", hurdlesVariable + "=" + s.hurdles, strictVariable + "=" + strconv.FormatBool(s.strict), straceVariable + "=" + s.strace,
		"TMPDIR=" + s.dir, "HOME=" + s.dir, "FROM_HOST=yes", "DROPPED=yes", "EDG_PASSED=yes"}
	cmd.SysProcAttr = s.attributes()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	came = map[string]string{}
	for line := range strings.Lines(out.String()) {
		thing, result, ok := strings.Cut(strings.TrimSpace(line), " = ")
		unquoted, quoting := strconv.Unquote(result)
		if !ok || quoting != nil {
			t.Fatalf("%q; %s", line, said.String())
		}
		came[thing] = unquoted
	}
	return came, said.String(), err
}

func (s scene) attributes() *syscall.SysProcAttr {
	if s.hurdles == "limit" {
		id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: id, GidMappings: id}
	}
	if int(s.user) != os.Getuid() {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.user, Gid: s.user, NoSetGroups: false}}
	}
	return nil
}

// TestInside is the host half of a scene.
func TestInside(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		t.Skip("not in a scene")
	}
	prepareHurdles(os.Getenv(hurdlesVariable))
	os.Unsetenv(insideVariable)
	var mux ocall.Mux
	ping.Handle(&mux, func(_ context.Context, what string) (string, error) { return what + "!", nil })
	inst, err := host.Launch(context.Background(), host.Config{
		File: "enclave.json", Args: os.Args[2:], Service: ocall.Service{ping}, Calls: &mux, Stdin: strings.NewReader("what is read"),
		Simulate: true, State: "machine", Strict: os.Getenv(strictVariable) == "true", Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = inst.Wait()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inside:", err)
		os.Exit(3)
	}
	os.Exit(0)
}

func TestWorld(t *testing.T) {
	users := map[string]uint32{"this user": uint32(os.Getuid())}
	if os.Getuid() == 0 {
		users["nobody"] = 65534
	}
	for build, environment := range builds {
		for user, id := range users {
			t.Run(build+", "+user, func(t *testing.T) { newScene(t, environment, id).play(t) })
		}
	}
}

func (s scene) play(t *testing.T) {
	s.strict = true
	want := map[string]string{
		"cwd":                       "/data",
		"read there":                "the host's",
		"read /fixed/there":         "the host's",
		"read /etc/ssl/ca.pem":      "trust me",
		"write /data/new":           "",
		"write /memory/new":         "",
		"read /memory/new":          "written",
		"read /edg/mnt/memory/new":  "written",
		"write /fixed/new":          "error: open /fixed/new: read-only file system",
		"list /memory":              "new",
		"read /data/../secret":      "error: open /data/../secret: no such file or directory",
		"read " + s.dir + "/secret": "error: open " + s.dir + "/secret: no such file or directory",
		"read /etc/passwd":          "error: open /etc/passwd: no such file or directory",
		"list /proc":                "error: open /proc: no such file or directory",
		"list /dev":                 "error: open /dev: no such file or directory",
		"descriptors":               "0 1 2",
		"exec /world":               "error: function not implemented",
		"fork":                      "error: function not implemented",
		"ping hello":                "hello!",
		"environment":               "EDG_CLEAVE_OCALL=…\nEDG_CWD=" + s.dir + "\nEDG_PASSED=yes\nEGOMAXTHREADS=30\nFROM_HOST=yes\nOE_IS_ENCLAVE=1\nPWD=/data",
	}
	// Descriptors come first: a connection that was closed may be so a little later.
	things := []string{"descriptors", "list /", "resolve localhost", "write /memory/new", "environment"}
	for thing := range want {
		if !slices.Contains(things, thing) {
			things = append(things, thing)
		}
	}
	got, stderr, err := s.launch(t, things...)
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	for thing, want := range want {
		if thing == "environment" {
			got[thing] = forget(got[thing], "EDG_CLEAVE_OCALL=", "GOMAXPROCS=")
		}
		if got[thing] != want {
			t.Errorf("%s: %q, want %q", thing, got[thing], want)
		}
	}
	if root := got["list /"]; strings.Contains(root, "root") || strings.Contains(root, "home") || !strings.Contains(root, "data") {
		t.Errorf("in the root there is %s", root)
	}
	if addrs := got["resolve localhost"]; !strings.Contains(addrs, "127.0.0.1") && !strings.Contains(addrs, "::1") {
		t.Errorf("localhost is %s", addrs)
	}
	if b, err := os.ReadFile(filepath.Join(s.dir, "data", "new")); string(b) != "written" {
		t.Errorf("the host's new file has %q, %v", b, err)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "SIMULATION, NOT SGX") {
		t.Errorf("on standard error: %s", stderr)
	}
}

// forget replaces values that differ from run to run, and drops the variables
// that only some machines have.
func forget(environment, value, variable string) string {
	var kept []string
	for _, v := range strings.Split(environment, "\n") {
		switch {
		case strings.HasPrefix(v, value):
			kept = append(kept, value+"…")
		case !strings.HasPrefix(v, variable):
			kept = append(kept, v)
		}
	}
	return strings.Join(kept, "\n")
}

// What is measured is what runs, and what is provided.
func TestNothingChangesBetweenMeasuringAndRunning(t *testing.T) {
	s := newScene(t, builds["static"], uint32(os.Getuid()))
	t.Chdir(s.dir)
	copyFile(t, "world", "original")
	// The machine's directory is announced when the files have been read, and
	// the simulation when everything is measured.
	read := func(change func()) host.Config {
		return host.Config{Log: slog.New(hook{slog.DiscardHandler, change}), Stderr: new(bytes.Buffer)}
	}
	announced := func(change func()) host.Config {
		return host.Config{Stderr: writer(change), Log: slog.New(slog.DiscardHandler)}
	}
	for name, row := range map[string]struct {
		config host.Config
		fails  bool
	}{
		"a file":               {config: read(func() { put(t, "ca.pem", "trust the host") })},
		"the program":          {announced(func() { appendTo(t, "world") }), true},
		"of the same size":     {announced(func() { alter(t, "world") }), true},
		"another in its place": {announced(func() { copyFile(t, "/bin/true", "world2"); os.Rename("world2", "world") }), true},
		"itself in its place":  {announced(func() { copyFile(t, "world", "world2"); os.Rename("world2", "world") }), false},
	} {
		var out bytes.Buffer
		copyFile(t, "original", "world")
		measured, c := measure(t), row.config
		c.File, c.Args, c.Simulate, c.State, c.Stdout = "enclave.json", []string{"read /etc/ssl/ca.pem"}, true, filepath.Join(t.TempDir(), "m"), &out
		inst, err := host.Launch(t.Context(), c)
		if row.fails {
			if err == nil || !strings.Contains(err.Error(), "changed while it was launched") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if inst.Simulator().Identity.Measurement != measured {
			t.Errorf("%s: measured is something else", name)
		}
		if err := inst.Wait(); err != nil || !strings.Contains(out.String(), `"trust me"`) {
			t.Errorf("%s: %v: %s", name, err, out.String())
		}
		put(t, "ca.pem", "trust me")
	}
}

func measure(t *testing.T) [32]byte {
	t.Helper()
	m, err := manifest.Load("enclave.json")
	if err != nil {
		t.Fatal(err)
	}
	measured, err := m.Measure()
	if err != nil {
		t.Fatal(err)
	}
	return measured
}

// alter changes a byte in the middle of a file, and nothing that stat(2) tells
// of it and one can set.
func alter(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, middle := make([]byte, 1), info.Size()/2
	_, err1 := f.ReadAt(b, middle)
	_, err2 := f.WriteAt([]byte{b[0] ^ 1}, middle)
	if err := errors.Join(err1, err2, os.Chtimes(name, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, name string) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("more"); err != nil {
		t.Fatal(err)
	}
}

type hook struct {
	slog.Handler
	change func()
}

func (hook) Enabled(context.Context, slog.Level) bool { return true }

func (h hook) Handle(context.Context, slog.Record) error {
	h.change()
	return nil
}

type writer func()

func (w writer) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}
