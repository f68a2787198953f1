package world_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim/door"
	"github.com/cleave-sdk/cleave/internal/sim/world"
)

// From the launch to the end of a program that does nothing.
func BenchmarkLaunch(b *testing.B) {
	exe := "/proc/self/exe"
	environment := []string{childVariable + "=1"}
	m := &manifest.Manifest{Exe: exe, HeapSize: 64,
		Mounts: []manifest.Mount{{Source: b.TempDir(), Target: "/data", Type: "hostfs"}, {Target: "/tmp", Type: "memfs"}},
		Files:  []manifest.File{{Target: "/etc/ssl/ca.pem", Content: make([]byte, 200<<10)}},
	}
	w, err := world.Plan(world.Config{Manifest: m})
	if err != nil {
		b.Fatal(err)
	}
	start := func(prepare func(*door.Stopped) error) error {
		c, err := door.Start(context.Background(), door.Config{Path: exe, Env: environment, Prepare: prepare,
			Handler: func(*door.Call) uint64 { return 0 }})
		if err != nil {
			return err
		}
		return c.Wait()
	}
	for _, how := range []struct {
		name string
		run  func() error
	}{
		{"exec", func() error { c := exec.Command(exe); c.Env = environment; return c.Run() }},
		{"door", func() error { return start(nil) }},
		{"door and world", func() error { return start(func(s *door.Stopped) error { return w.Build(s) }) }},
	} {
		b.Run(how.name, func(b *testing.B) {
			for b.Loop() {
				if err := how.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
