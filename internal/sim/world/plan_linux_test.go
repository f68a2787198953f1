package world_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim/world"
)

// Everything that cannot be as the enclave.json says is found before the
// launch, and the error says where.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "data", "file"), "")
	put(t, filepath.Join(dir, "exe"), "#!/bin/sh\n")
	if err := os.Symlink("file", filepath.Join(dir, "data", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	hostfs := func(source, target string) manifest.Mount {
		return manifest.Mount{Source: source, Target: target, Type: "hostfs"}
	}
	memfs := func(target string) manifest.Mount { return manifest.Mount{Target: target, Type: "memfs"} }
	file := func(target string) manifest.File { return manifest.File{Source: "x", Target: target} }
	readOnly := func(m manifest.Mount) manifest.Mount { m.ReadOnly = true; return m }
	data := hostfs("data", "/data")
	for name, row := range map[string]struct {
		mounts []manifest.Mount
		files  []manifest.File
		says   string
	}{
		"no source":                {mounts: []manifest.Mount{hostfs("none", "/x")}, says: "mounts[0].source: stat " + dir + "/none: no such"},
		"a dangling link":          {mounts: []manifest.Mount{memfs("/y"), hostfs("dangling", "/x")}, says: "mounts[1].source: stat"},
		"a device":                 {mounts: []manifest.Mount{hostfs("/dev/null", "/x")}, says: "neither a directory nor a file"},
		"up":                       {mounts: []manifest.Mount{hostfs("data", "/x/../../y")}, says: "mounts[0].target: is \"/x/../../y\""},
		"memfs up":                 {mounts: []manifest.Mount{memfs("/..")}, says: "mounts[0].target"},
		"file up":                  {files: []manifest.File{file("/a"), file("/../b")}, says: "files[1].target"},
		"relative":                 {mounts: []manifest.Mount{hostfs("data", "x")}, says: "mounts[0].target"},
		"memfs at the root":        {mounts: []manifest.Mount{memfs("/")}, says: "is a memfs already"},
		"another root":             {mounts: []manifest.Mount{hostfs("data", "/")}, says: "the whole of the host's file system"},
		"read-only root":           {mounts: []manifest.Mount{readOnly(hostfs("/", "/"))}, says: "the whole of the host's file system"},
		"file in the host's":       {mounts: []manifest.Mount{data}, files: []manifest.File{file("/data/x")}, says: "files[0].target: /data/x is inside mounts[0], the host's"},
		"file in the host's root":  {mounts: []manifest.Mount{hostfs("/", "/")}, files: []manifest.File{file("/x")}, says: "files[0].target: /x is inside mounts[0]"},
		"file in read-only memory": {mounts: []manifest.Mount{readOnly(memfs("/m"))}, files: []manifest.File{file("/m/x")}, says: "which is read-only"},
		"file at a mount":          {mounts: []manifest.Mount{data}, files: []manifest.File{file("/data")}, says: "is also that of mounts[0]"},
		"mount below a file":       {mounts: []manifest.Mount{memfs("/a/b")}, files: []manifest.File{file("/a")}, says: "files[0].target: /a is a file, and mounts[0]"},
		"file below a file":        {files: []manifest.File{file("/a/b"), file("/a")}, says: "files[1].target: /a is a file, and that of files[0]"},
		"mount below a file mount": {mounts: []manifest.Mount{hostfs("data/file", "/a"), memfs("/a/b")}, says: "mounts[1].target: /a/b is inside mounts[0], which is a file"},
		"mount on nothing":         {mounts: []manifest.Mount{data, memfs("/data/none")}, says: "mounts[1].target: is inside mounts[0], where there is nothing"},
		"mount on a file":          {mounts: []manifest.Mount{data, memfs("/data/file")}, says: "is not a directory"},
		"mount on a link":          {mounts: []manifest.Mount{data, hostfs("data/file", "/data/link")}, says: "is not a file"},
		"too many":                 {mounts: make([]manifest.Mount, 64), says: "mounts: are 64"},
	} {
		m := &manifest.Manifest{Exe: executable(t), HeapSize: 64, Mounts: row.mounts, Files: row.files}
		w, err := world.Plan(world.Config{Manifest: m, Environment: []string{"EDG_CWD=" + dir}})
		if err == nil || w != nil || !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "world: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]world.Config{
		"EDG_CWD relative": {Manifest: &manifest.Manifest{Exe: executable(t), Mounts: []manifest.Mount{data}}, Environment: []string{"EDG_CWD=."}},
		"no EDG_CWD":       {Manifest: &manifest.Manifest{Exe: executable(t), Mounts: []manifest.Mount{data}}},
		"no executable":    {Manifest: &manifest.Manifest{Exe: filepath.Join(dir, "none")}},
		"a script":         {Manifest: &manifest.Manifest{Exe: filepath.Join(dir, "exe")}},
		"socket hidden": {Manifest: &manifest.Manifest{Exe: executable(t), Mounts: []manifest.Mount{{Source: dir, Target: "/run", Type: "hostfs"}}},
			Sockets: []string{"/run/cleave-1/ocall.sock"}},
		"file instead of socket": {Manifest: &manifest.Manifest{Exe: executable(t), Files: []manifest.File{file("/run")}},
			Sockets: []string{"/run/cleave-1/ocall.sock"}},
	} {
		if w, err := world.Plan(c); err == nil || w != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a dynamically linked program needs is not replaced by what the
// enclave.json has there.
func TestLibrariesAreInTheWay(t *testing.T) {
	const dynamic = "/bin/sh"
	for _, target := range []string{"/lib", "/lib/x", "/usr/lib/ssl/cert.pem", "/usr"} {
		m := &manifest.Manifest{Exe: dynamic, Files: []manifest.File{{Source: "x", Target: target}}}
		if _, err := world.Plan(world.Config{Manifest: m}); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
			t.Errorf("%s: %v", target, err)
		}
	}
	m := &manifest.Manifest{Exe: dynamic, Mounts: []manifest.Mount{{Source: "/usr", Target: "/usr", Type: "hostfs"}, {Target: "/var", Type: "memfs"}}}
	if _, err := world.Plan(world.Config{Manifest: m}); err != nil {
		t.Errorf("the host's own: %v", err)
	}
}
