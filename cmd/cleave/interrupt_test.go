//go:build linux && amd64

package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A trusted half of 2 GiB, which take no room but time to measure. The signal
// comes while that goes on.
func TestInterruptedLaunch(t *testing.T) {
	f, err := ready()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"trusted", "private.pem"} {
		if err := copyFile(filepath.Join(f.dir, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "trusted"), 2<<30); err != nil {
		t.Fatal(err)
	}
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		cmd := exec.Command("/proc/self/exe", "run", "-simulate", "-state", filepath.Join(dir, signal.String()), filepath.Join(dir, "trusted"), "say")
		cmd.Args[0] = "cleave"
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "making a simulated machine") {
				cmd.Process.Signal(signal)
			}
		}
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != want || strings.Contains(said.String(), "SIMULATION") {
			t.Errorf("%v: %v: %s", signal, cmd.ProcessState, said.String())
		}
	}
}

// The second signal ends what waits for something that does not end.
func TestSecondSignal(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGINT
	over := make(chan struct{})
	got := ending(syscall.SIGTERM, signals, func(patience context.Context) { <-patience.Done(); close(over) })
	select {
	case <-over:
		t.Error("waits after the second signal")
	default:
	}
	if got != 143 {
		t.Errorf("status %d", got)
	}
}
