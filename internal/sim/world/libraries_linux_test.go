package world_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim/door"
	"github.com/cleave-sdk/cleave/internal/sim/world"
)

// linked is a C program that the linker was given those options for.
func linked(t *testing.T, options string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no C compiler")
	}
	exe := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command(gcc, "-x", "c", "-", "-o", exe, "-Wl,"+options)
	cmd.Stdin = strings.NewReader("int main(void) { return 0; }")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exe
}

// The program has no say in what of the host it sees.
func TestOtherLibraries(t *testing.T) {
	home := t.TempDir()
	mounted := []manifest.Mount{{Source: home, Target: home, Type: "hostfs"}}
	for name, row := range map[string]struct {
		options string
		mounts  []manifest.Mount
		refused string // the directory, if one is
	}{
		"where the system's are":  {options: "-rpath,/usr/lib/x:/lib64:$ORIGIN:lib:"},
		"nowhere":                 {options: "-rpath,/none/at/all"},
		"files of the host":       {options: "-rpath,/etc:" + home, refused: "/etc"},
		"a home":                  {options: "-rpath," + home, refused: home},
		"as it was called":        {options: "-rpath," + home + ",--disable-new-dtags", refused: home},
		"by detours":              {options: "-rpath,/usr/lib/../.." + home, refused: home},
		"everything":              {options: "-rpath,/", refused: "/"},
		"by the loader":           {options: "--dynamic-linker=" + home + "/ld.so", refused: home},
		"mounted":                 {options: "-rpath," + home, mounts: mounted},
		"mounted, and everything": {options: "-rpath," + home + ":/", mounts: mounted, refused: "/"},
		"everything mounted":      {options: "-rpath,/etc:/", mounts: []manifest.Mount{{Source: "/", Target: "/", Type: "hostfs"}}},
	} {
		exe := linked(t, row.options)
		_, err := world.Plan(world.Config{Manifest: &manifest.Manifest{Exe: exe, HeapSize: 1, Mounts: row.mounts}})
		says := fmt.Sprintf("world: exe: %s looks for libraries in %s, ", exe, row.refused)
		if row.refused == "" && err != nil || row.refused != "" && (err == nil || !strings.HasPrefix(err.Error(), says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What leads to the host is closed by Build, whoever else might.
func TestNothingIsLeftOpen(t *testing.T) {
	m := &manifest.Manifest{Exe: executable(t), HeapSize: 1,
		Mounts: []manifest.Mount{{Source: t.TempDir(), Target: "/data", Type: "hostfs"}},
		Files:  []manifest.File{{Target: "/f", Content: []byte("its own")}}}
	w, err := world.Plan(world.Config{Manifest: m})
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	child, err := door.Start(t.Context(), door.Config{Path: m.Exe, Env: []string{childVariable + "=1"},
		Handler: func(*door.Call) uint64 { return 0 },
		Prepare: func(s *door.Stopped) error {
			if err := w.Build(s); err != nil {
				return err
			}
			entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Pid()))
			for _, e := range entries {
				open = append(open, e.Name())
			}
			return err
		}})
	skipIfRefused(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil || strings.Join(open, " ") != "0 1 2" {
		t.Errorf("open are %q, %v", open, err)
	}
}
