//go:build linux && amd64

package door_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim/door"
)

// eachDoorB runs a benchmark by each door.
func eachDoorB(b *testing.B, f func(*testing.B, door.Door)) {
	for _, d := range []door.Door{door.Notify, door.Trap} {
		b.Run(d.String(), func(b *testing.B) { f(b, d) })
	}
}

// inChild has the probe do something b.N times and reports its own figure.
func inChild(b *testing.B, handler func(*door.Call) uint64, mode string) {
	eachDoorB(b, func(b *testing.B, d door.Door) {
		var out strings.Builder
		child, err := door.Start(b.Context(), door.Config{
			Path: probe(), Args: []string{"probe", mode, strconv.Itoa(b.N)}, Stdout: &out, Handler: handler, Door: d,
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := child.Wait(); err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseFloat(out.String(), 64)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(ns, "ns/op")
	})
}

func BenchmarkCall(b *testing.B) {
	inChild(b, func(*door.Call) uint64 { return 0 }, "repeat")
}

// BenchmarkTransform is two calls with a result of 5 KB, about a quote.
func BenchmarkTransform(b *testing.B) { inChild(b, serve, "transform") }

func BenchmarkLaunch(b *testing.B) {
	eachDoorB(b, func(b *testing.B, d door.Door) {
		for b.Loop() {
			launch(b, door.Config{Door: d})
		}
	})
}

// BenchmarkPreparedLaunch is into a file system of the child's own.
func BenchmarkPreparedLaunch(b *testing.B) {
	eachDoorB(b, func(b *testing.B, d door.Door) {
		for b.Loop() {
			launch(b, door.Config{Door: d, Namespaces: ownMounts, Prepare: moveIn})
		}
	})
}

func launch(b *testing.B, c door.Config) {
	c.Path, c.Args, c.Handler = probe(), []string{"probe", "nothing"}, serve
	child, err := door.Start(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPlainExec(b *testing.B) {
	for b.Loop() {
		if err := exec.Command(probe(), "nothing").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
