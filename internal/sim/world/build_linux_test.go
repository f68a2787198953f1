package world_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim/door"
	"github.com/cleave-sdk/cleave/internal/sim/world"
)

func TestWorld(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	put(t, filepath.Join(data, "there"), "from the host")
	put(t, filepath.Join(data, "memory", "hidden"), "")
	if err := os.Symlink("data", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("large", 1<<20)
	socket := listen(t)
	c := build(t, world.Config{
		Environment: []string{"EDG_CWD=" + dir, "PWD=/data"},
		Sockets:     []string{socket},
		Manifest: &manifest.Manifest{
			Mounts: []manifest.Mount{
				{Target: "/data/memory", Type: "memfs"}, // inside the next
				{Source: "data", Target: "/data", Type: "hostfs"},
				{Source: data, Target: "/fixed/data/", Type: "hostfs", ReadOnly: true},
				{Source: "link", Target: "/linked", Type: "hostfs"},
				{Target: "/memory", Type: "memfs"},
				{Target: "/memory/inner", Type: "memfs"},
				{Target: "/void", Type: "memfs", ReadOnly: true},
				{Source: "data/there", Target: "/void/file", Type: "hostfs"},
			},
			Files: []manifest.File{
				{Source: "x", Target: "/etc/ssl/ca.pem", Content: []byte("trust me")},
				{Source: "x", Target: "/memory/deep/file", Content: []byte(large)},
				{Source: "x", Target: "/empty"},
				{Source: "x", Target: "/etc/services", Content: []byte("its own")},
			},
		},
	})
	// in this order
	for _, row := range []struct{ what, want string }{
		{"cwd", "/data"},
		{"list /edg/mnt", "data memory void"},
		{"read there", "from the host"},
		{"read /linked/there", "from the host"},
		{"read /etc/ssl/ca.pem", "trust me"},
		{"read /memory/deep/file", large},
		{"read /edg/mnt/memory/deep/file", large},
		{"read /empty", ""},
		{"read /etc/services", "its own"},
		{"list /data/memory", ""},
		{"write /data/new", ""},
		{"read /fixed/data/new", "written"},
		{"write /fixed/data/new", "[open /fixed/data/new: read-only file system]"},
		{"write /data/memory/new", ""},
		{"read /edg/mnt/data/memory/new", "written"},
		{"list /fixed/data/memory", "hidden"},
		{"write /memory/inner/new", ""},
		{"read /edg/mnt/memory/inner/new", "written"},
		{"write /void/new", "[open /void/new: read-only file system]"},
		{"read /void/file", "from the host"},
		{"write /cleave-test", ""},
		{"write /empty", ""},
		{"resolve localhost", "127.0.0.1"},
		{"dial " + socket, ""},
		{"write " + socket + "2", "[open " + socket + "2: read-only file system]"},
	} {
		if got := c.ask(t, row.what); got != row.want && (row.want != "127.0.0.1" || !strings.Contains(got, row.want) && !strings.Contains(got, "::1")) {
			t.Errorf("%s: %.100q", row.what, got)
		}
	}
	if got := c.ask(t, "open /etc/hosts"); !strings.HasPrefix(got, "[") {
		t.Errorf("the host's names can be written: %s", got)
	}
	if b, err := os.ReadFile(filepath.Join(data, "new")); err != nil || string(b) != "written" {
		t.Errorf("the host has %q, %v", b, err)
	}
}

func listen(t *testing.T) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cleave-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "ocall.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path
}

// Nothing of the host is to be had, by whatever name.
func TestNoWayBack(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	put(t, secret, "the host's")
	put(t, filepath.Join(dir, "open", "link"), "")
	for name, to := range map[string]string{"absolute": secret, "relative": "../secret", "up": "../../../../../../../etc/passwd"} {
		if err := os.Symlink(to, filepath.Join(dir, "open", name)); err != nil {
			t.Fatal(err)
		}
	}
	c := build(t, world.Config{Manifest: &manifest.Manifest{
		Mounts: []manifest.Mount{{Source: filepath.Join(dir, "open"), Target: "/open", Type: "hostfs"}},
	}})
	for _, what := range []string{
		"read " + secret,
		"read /.." + secret,
		"read ../../../.." + secret,
		"read /open/../../.." + secret,
		"read /open/../secret",
		"read /open/absolute", "read /open/relative", "read /open/up",
		"read /etc/passwd", "list /root", "list /proc", "list /sys", "list /dev", "list /home", "list /old_root", "list " + dir,
		"read /proc/self/root/etc/passwd", "read /proc/1/root/etc/passwd", "list /proc/self/cwd", "list /dev/fd",
		"mount /open", "chroot /open", "mknod /open/disk",
	} {
		if got := c.ask(t, what); !strings.HasPrefix(got, "[") {
			t.Errorf("%s: %.100q", what, got)
		}
	}
}

// The world is the same behind either door.
func TestDoors(t *testing.T) {
	w, err := world.Plan(world.Config{Manifest: &manifest.Manifest{Exe: executable(t), HeapSize: 1, Files: []manifest.File{{Target: "/f", Content: []byte("its own")}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []door.Door{door.Notify, door.Trap} {
		c, err := launch(t, w, by)
		if errors.Is(err, door.ErrUnavailable) {
			continue
		}
		skipIfRefused(t, err)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ask(t, "read /f") + c.ask(t, "list /proc"); got != "its own[open /proc: no such file or directory]" {
			t.Errorf("%v: %s", by, got)
		}
	}
}

func TestBareWorld(t *testing.T) {
	c := build(t, world.Config{Manifest: new(manifest.Manifest)})
	if got := c.ask(t, "cwd"); got != "/" {
		t.Errorf("in %q", got)
	}
	for dir := range strings.FieldsSeq(c.ask(t, "list /")) {
		if !strings.Contains("etc lib lib32 lib64 usr", dir) {
			t.Errorf("there is /%s", dir)
		}
	}
}

// kept are the capabilities of proc_pid_status(5) that a child of root has:
// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, NET_BIND_SERVICE and NET_RAW.
const kept = 1<<0 | 1<<1 | 1<<3 | 1<<4 | 1<<10 | 1<<13

func TestRightsAreRenounced(t *testing.T) {
	c := build(t, world.Config{Manifest: new(manifest.Manifest)})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(status)) {
		var set uint64
		name, value, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(name, "Cap") || name == "CapBnd" {
			continue
		}
		if _, err := fmt.Sscanf(value, "%x", &set); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen++
		if set&^kept != 0 || os.Getuid() != 0 && set != 0 {
			t.Error(line)
		}
	}
	if seen != 4 {
		t.Errorf("%d sets: %s", seen, status)
	}
}

// What is mounted for the child is mounted for nobody else.
func TestHostIsUntouched(t *testing.T) {
	roots := func() int {
		b, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), " / / ")
	}
	before := roots()
	defer func() { // also if the world was refused half-way
		if after := roots(); after != before {
			t.Errorf("the host had %d mounts at its root, and has %d", before, after)
		}
	}()
	c := build(t, world.Config{Manifest: &manifest.Manifest{Mounts: []manifest.Mount{{Target: "/tmp", Type: "memfs"}}}})
	c.ask(t, "write /tmp/only-in-there")
	if _, err := os.Stat("/tmp/only-in-there"); err == nil {
		t.Error("the host has the child's file")
	}
}

// The whole of the host's file system is to be had, for those who ask for it.
func TestHostRoot(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "the host's")
	put(t, filepath.Join(dir, "memory", "hidden"), "")
	c := build(t, world.Config{
		Sockets: []string{filepath.Join(dir, "ocall.sock")},
		Manifest: &manifest.Manifest{Mounts: []manifest.Mount{
			{Source: "/", Target: "/", Type: "hostfs"},
			{Target: filepath.Join(dir, "memory"), Type: "memfs"},
		}}})
	for what, want := range map[string]string{
		"read " + dir + "/file": "the host's", "write " + dir + "/new": "", "list " + dir + "/memory": "", "cwd": "/",
	} {
		if got := c.ask(t, what); got != want {
			t.Errorf("%s: %q", what, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
}

// What only shows when the child is there ends the launch.
func TestNotBuilt(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct {
		environment []string
		manifest    manifest.Manifest
		says        string
	}{
		"no PWD":          {environment: []string{"PWD=/none"}, says: "PWD is /none, which is no directory"},
		"a file as PWD":   {[]string{"PWD=/f"}, manifest.Manifest{Files: []manifest.File{{Target: "/f"}}}, "PWD is /f"},
		"heap too small":  {manifest: manifest.Manifest{HeapSize: 1, Files: []manifest.File{{Target: "/f", Content: make([]byte, 2<<20)}}}, says: "raise heapSize"},
		"removed by then": {manifest: manifest.Manifest{Mounts: []manifest.Mount{{Source: filepath.Join(dir, "data"), Target: "/data", Type: "hostfs"}}}, says: "open_tree " + dir},
	} {
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		m := row.manifest
		m.Exe, m.HeapSize = executable(t), max(m.HeapSize, 1)
		w, err := world.Plan(world.Config{Manifest: &m, Environment: row.environment})
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "data"))
		_, err = launch(t, w)
		skipIfRefused(t, err)
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A target that is a symbolic link by the time of the mount, where there was
// none, is not followed.
func TestTargetBecomesLink(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"data/memory", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m := &manifest.Manifest{Exe: executable(t), HeapSize: 1, Mounts: []manifest.Mount{
		{Source: filepath.Join(dir, "data"), Target: "/data", Type: "hostfs"},
		{Target: "/data/memory", Type: "memfs"},
	}}
	w, err := world.Plan(world.Config{Manifest: m})
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "data", "memory")
	if err := errors.Join(os.Remove(link), os.Symlink("/etc", link)); err != nil {
		t.Fatal(err)
	}
	_, err = launch(t, w)
	skipIfRefused(t, err)
	if !errors.Is(err, syscall.ELOOP) {
		t.Error(err)
	}
}
