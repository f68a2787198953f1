package host_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/manifest"
)

// A trusted half that writes lines which look like the host's writes them after
// the host's.
func TestAnnounceIsFirst(t *testing.T) {
	var out output
	c := host.Config{File: stage(t, "exit"), Args: []string{"0"}, Simulate: true, State: filepath.Join(t.TempDir(), "machine"), Stdout: &out, Stderr: new(bytes.Buffer)}
	c.Announce = func(s *host.Simulator) error {
		time.Sleep(300 * time.Millisecond) // in which it would have written
		if s.Root == nil || s.CollateralURL == "" || s.State != c.State {
			t.Errorf("%+v", s)
		}
		if out.String() != "" {
			t.Errorf("the trusted half was faster: %q", out.String())
		}
		return nil
	}
	inst, err := host.Launch(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); err != nil || out.String() != "[0]\n" {
		t.Errorf("%v: %q", err, out.String())
	}

	out = output{}
	refused := errors.New("refused")
	c.Announce = func(*host.Simulator) error { return refused }
	if _, err := host.Launch(t.Context(), c); !errors.Is(err, refused) || out.String() != "" {
		t.Errorf("%v: %q", err, out.String())
	}
}

// While a key is made nothing has been measured yet that could change until the
// trusted half runs.
func TestMeasuredAfterTheKeyIsMade(t *testing.T) {
	config := stage(t, "exit")
	dir := filepath.Dir(config)
	key := filepath.Join(dir, "private.pem")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "public.pem"))
	making := func() {
		if _, err := os.Stat(filepath.Join(dir, "machine")); err == nil { // which is made before
			os.Remove(filepath.Join(dir, "exit"))
		}
	}
	_, err := host.Launch(t.Context(), host.Config{File: config, Simulate: true, State: filepath.Join(dir, "machine"),
		Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer), Log: slog.New(onLog(making))})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "exe: ") {
		t.Errorf("without an executable: %v", err)
	}
	if _, err := os.Stat(key); err != nil {
		t.Errorf("measured before the key was made: %v", err)
	}
}

type onLog func()

func (onLog) Enabled(context.Context, slog.Level) bool    { return true }
func (f onLog) Handle(context.Context, slog.Record) error { f(); return nil }
func (f onLog) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f onLog) WithGroup(string) slog.Handler             { return f }

// A launch that is cancelled while it prepares starts nothing.
func TestLaunchIsCancelled(t *testing.T) {
	var stderr bytes.Buffer
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	_, err := host.Launch(ctx, host.Config{File: stage(t, "exit"), Simulate: true, State: filepath.Join(t.TempDir(), "machine"),
		Stdout: new(bytes.Buffer), Stderr: &stderr, Log: slog.New(onLog(func() { cancel(cause) }))})
	if !errors.Is(err, cause) || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, stderr.String())
	}
}

// Where temporary files go may be named as anything: the socket is somewhere
// that the trusted half finds from its own root and working directory.
func TestOddTMPDIR(t *testing.T) {
	config := stage(t, "bridged")
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Mkdir("relative", 0o700), os.WriteFile("file", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, temp := range []string{"relative", "./relative/", "missing", "/missing", "file", strings.Repeat("/long", 30), ""} {
		t.Run(temp, func(t *testing.T) {
			t.Setenv("TMPDIR", temp)
			c := bridged(config, "0")
			c.Simulate, c.State = true, filepath.Join(filepath.Dir(config), "machine")
			inst, err := host.Launch(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := inst.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// In /proc not even root may make a directory.
func TestNoPlaceForASocket(t *testing.T) {
	config := stage(t, "bridged")
	t.Setenv("TMPDIR", "/proc")
	_, err := host.Launch(t.Context(), bridged(config, "0"))
	if err == nil || !strings.Contains(err.Error(), "no place for a socket: ") || !strings.Contains(err.Error(), "set TMPDIR to a directory that you may write to") {
		t.Error(err)
	}
}

// What no door can start is told from what went wrong in starting it, before a
// machine or a key is made.
func TestNotRunnable(t *testing.T) {
	config := stage(t, "exit")
	m, err := manifest.Load(config)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(m.Executable())
	if err != nil {
		t.Fatal(err)
	}
	arm := bytes.Clone(whole)
	arm[18] = 183
	for name, row := range map[string]struct {
		content []byte
		mode    os.FileMode
		says    string
	}{
		"mode":      {whole, 0o644, "chmod +x it"},
		"cut":       {whole[:len(whole)/2], 0o755, "not whole, or damaged; build it again"},
		"processor": {arm, 0o755, "build it with GOARCH=amd64"},
	} {
		state := filepath.Join(t.TempDir(), "machine")
		if err := errors.Join(os.WriteFile(m.Executable(), row.content, 0o600), os.Chmod(m.Executable(), row.mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := host.Launch(t.Context(), host.Config{File: config, Simulate: true, State: state}); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(state); err == nil {
			t.Errorf("%s: made a machine", name)
		}
	}
}
