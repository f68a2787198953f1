package host_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/ocall"
)

func launch(t *testing.T, c host.Config) *host.Instance {
	t.Helper()
	c.Simulate = true
	c.State = filepath.Join(t.TempDir(), "machine")
	c.Stderr = new(bytes.Buffer)
	inst, err := host.Launch(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return inst
}

func TestExitStatusIsTheTrustedHalfs(t *testing.T) {
	config := stage(t, "exit")
	for status, want := range map[string]int{"0": 0, "3": 3} {
		var stdout bytes.Buffer
		err := launch(t, host.Config{File: config, Args: []string{status, "more"}, Stdout: &stdout}).Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() != want || (err == nil) != (want == 0) {
			t.Errorf("status %s: %v", status, err)
		}
		if stdout.String() != "["+status+" more]\n" {
			t.Errorf("standard output is %q", stdout.String())
		}
	}
}

func TestStop(t *testing.T) {
	inst := launch(t, host.Config{File: stage(t, "exit"), Args: []string{"never"}, Stdout: new(bytes.Buffer)})
	url := inst.Simulator().CollateralURL + "/qe/identity"
	if resp, err := http.Get(url); err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("collateral while it runs: %v", err)
	}
	for range 2 {
		if err := inst.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := http.Get(url); err == nil {
		t.Error("collateral is served by nobody, and yet is")
	}
}

func TestContextEndsTheTrustedHalf(t *testing.T) {
	config := stage(t, "exit")
	ctx, cancel := context.WithCancel(t.Context())
	inst, err := host.Launch(ctx, host.Config{File: config, Args: []string{"never"}, Simulate: true,
		State: filepath.Join(t.TempDir(), "machine"), Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := inst.Wait(); err == nil {
		t.Error("killed, but no error")
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var mux ocall.Mux
	ping.Handle(&mux, func(context.Context, string) (string, error) { return "", nil })
	inst := launch(t, host.Config{File: stage(t, "exit"), Args: []string{"never"}, Stdout: new(bytes.Buffer),
		Service: ocall.Service{ping}, Calls: &mux})
	if len(sockets(t)) != 2 { // for ocalls and for quotes
		t.Errorf("while it runs there are %v", sockets(t))
	}
	if err := inst.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if len(sockets(t)) != 0 {
		t.Errorf("%v is left", sockets(t))
	}
}

var ping = ocall.Func[string, string]{Name: "ping", Check: ocall.Unchecked[string, string]}

func sockets(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "cleave-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRefusals(t *testing.T) {
	good := stage(t, "exit")
	for name, row := range map[string]struct {
		config host.Config
		says   string
	}{
		"no file":            {host.Config{File: good + "x", Simulate: true}, "enclave.jsonx"},
		"no executable":      {host.Config{File: stage(t, "exit", func(m map[string]any) { m["exe"] = "other" }), Simulate: true}, "other"},
		"calls, no service":  {host.Config{File: good, Simulate: true, Calls: new(ocall.Mux)}, "both a Service and Calls"},
		"service, no calls":  {host.Config{File: good, Simulate: true, Service: ocall.Service{ping}}, "both a Service and Calls"},
		"call not handled":   {host.Config{File: good, Simulate: true, Service: ocall.Service{ping}, Calls: new(ocall.Mux)}, "ping"},
		"open machine state": {host.Config{File: good, Simulate: true, State: open(t)}, "0700"},
		"no EGo":             {host.Config{File: good, EGo: filepath.Join(t.TempDir(), "ego")}, "ego"},
	} {
		if row.config.State == "" {
			row.config.State = filepath.Join(t.TempDir(), "machine")
		}
		row.config.Args = []string{"never"}
		row.config.Stderr = new(bytes.Buffer)
		inst, err := host.Launch(t.Context(), row.config)
		if err == nil {
			inst.Stop(t.Context())
			t.Errorf("%s: launched", name)
		} else if !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "host: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// open is a machine's state that others may read.
func open(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A program in ego's place shows how EGo is started.
func TestRunsUnderEGo(t *testing.T) {
	ego := filepath.Join(t.TempDir(), "ego")
	if err := os.WriteFile(ego, []byte("#!/bin/sh\necho \"$@\"\necho \"${EDG_CLEAVE_OCALL%%:*}\"\nexit 4\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var mux ocall.Mux
	ping.Handle(&mux, func(context.Context, string) (string, error) { return "", nil })
	config := stage(t, "exit")
	var stdout bytes.Buffer
	inst, err := host.Launch(t.Context(), host.Config{File: config, Args: []string{"a", "b"}, EGo: ego, Stdout: &stdout,
		Service: ocall.Service{ping}, Calls: &mux})
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := inst.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 4 {
		t.Errorf("status: %v", err)
	}
	want := "run " + filepath.Join(filepath.Dir(config), "exit") + " a b\nunix\n"
	if stdout.String() != want {
		t.Errorf("ego got %q, want %q", stdout.String(), want)
	}
	if inst.Simulator() != nil {
		t.Error("there is no simulator under EGo")
	}
}

// EGo runs the enclave in a child of its command, which must not outlive it.
func TestNothingOfEGoIsLeft(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *host.Instance, context.CancelFunc){
		"stopped":   func(t *testing.T, inst *host.Instance, _ context.CancelFunc) { inst.Stop(t.Context()) },
		"cancelled": func(t *testing.T, inst *host.Instance, cancel context.CancelFunc) { cancel(); inst.Wait() },
	} {
		dir := t.TempDir()
		ego, pid := filepath.Join(dir, "ego"), filepath.Join(dir, "pid")
		script := "#!/bin/sh\nsleep 1000 &\necho $! >" + pid + ".part\nmv " + pid + ".part " + pid + "\nwait\n"
		if err := os.WriteFile(ego, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		inst, err := host.Launch(ctx, host.Config{File: stage(t, "exit"), EGo: ego})
		if err != nil {
			t.Fatal(err)
		}
		child := waitForFile(t, pid)
		end(t, inst, cancel)
		waitForEnd(t, name, child)
	}
}

func waitForFile(t *testing.T, name string) string {
	t.Helper()
	for {
		if b, err := os.ReadFile(name); err == nil {
			return strings.TrimSpace(string(b))
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

// waitForEnd waits until a process is gone, or is one that nobody has waited
// for yet: in a container nobody may.
func waitForEnd(t *testing.T, name, pid string) {
	t.Helper()
	for range 1000 {
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s, but process %s goes on", name, pid)
}
