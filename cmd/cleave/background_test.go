package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// running are the commands that a script has started, by the name of the
// variable with their first line.
type running map[string]*exec.Cmd

// background is "background NAME cleave…": the command runs on, and $NAME is
// the first line that it has printed.
func background(ts *testscript.TestScript, _ bool, args []string) {
	self, err := os.Executable() // which is whatever it is called
	ts.Check(err)
	cmd := exec.Command(self, args[2:]...)
	cmd.Args[0] = args[1]
	cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		ts.Fatalf("%v has said nothing: %v", args[1:], lines.Err())
	}
	ts.Setenv(args[0], lines.Text())
	ts.Value(runningKey{}).(running)[args[0]] = cmd
}

type runningKey struct{}

// sendSignal is "signal NAME SIGNAL STATUS": the command ends with the status
// when it is sent the signal.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	cmd := ts.Value(runningKey{}).(running)[args[0]]
	signal := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[1]]
	want, err := strconv.Atoi(args[2])
	ts.Check(errors.Join(err, cmd.Process.Signal(signal)))
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s ended with %d, not %d", args[0], got, want)
	}
}

// environment has what a command of a script has.
func environment(ts *testscript.TestScript) (all []string) {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_STATE_HOME"} {
		all = append(all, name+"="+ts.Getenv(name))
	}
	return all
}

// isGone is "gone FILE": no process executes it, at once or soon.
func isGone(ts *testscript.TestScript, _ bool, args []string) {
	for range 500 {
		if !executed(ts.MkAbs(args[0])) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s is executed still", args[0])
}

// isThere is "stillruns FILE", by which "gone" is known to look at the right
// thing.
func isThere(ts *testscript.TestScript, _ bool, args []string) {
	if !executed(ts.MkAbs(args[0])) {
		ts.Fatalf("nobody executes %s", args[0])
	}
}

func executed(file string) bool {
	want, err := os.Stat(file)
	if err != nil {
		return false
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range processes {
		if got, err := os.Stat(exe); err == nil && os.SameFile(want, got) {
			return true
		}
	}
	return false
}
