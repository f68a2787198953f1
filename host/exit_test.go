package host_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/ocall"
)

// fakeEGo runs programs as EGo does, outside of any enclave: its lines go to
// standard output, only variables that begin with EDG_ come through, and a
// signal becomes a status of its number.
const fakeEGo = `#!/bin/sh
[ "$1" = run ] || exit 64
shift
echo "[erthost] loading enclave ..."
echo "[erthost] entering enclave ..."
env -i $(env | grep '^EDG_') OE_IS_ENCLAVE=1 "$@"
status=$?
[ $status -gt 128 ] && exit $((status - 128))
exit $status
`

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ego")
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// bridged is a Config whose trusted half connects, and then does what how says.
func bridged(file, how string) host.Config {
	mux := new(ocall.Mux)
	ping.Handle(mux, func(context.Context, string) (string, error) { return "", nil })
	return host.Config{File: file, Args: []string{how}, Service: ocall.Service{ping}, Calls: mux,
		Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)}
}

// platforms are the two ways in which a trusted half runs.
func platforms(t *testing.T) map[string]func(host.Config) host.Config {
	ego, state := script(t, fakeEGo), filepath.Join(t.TempDir(), "machine")
	return map[string]func(host.Config) host.Config{
		"EGo":           func(c host.Config) host.Config { c.EGo = ego; return c },
		"the simulator": func(c host.Config) host.Config { c.Simulate, c.State = true, state; return c },
	}
}

func TestHowItEnded(t *testing.T) {
	file := stage(t, "bridged")
	for platform, on := range platforms(t) {
		for how, want := range map[string]host.ExitError{
			"3":         {Status: 3},
			"panic":     {Status: 2},
			"cancelled": {Status: -1, Signal: syscall.SIGKILL},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			inst, err := host.Launch(ctx, on(bridged(file, how)))
			if err != nil {
				t.Fatal(err)
			}
			if how == "cancelled" {
				if err := inst.Ready(ctx); err != nil {
					t.Fatal(err)
				}
				cancel()
			}
			var got *host.ExitError
			var underlying *exec.ExitError
			if err := inst.Wait(); !errors.As(err, &got) || !errors.As(err, &underlying) {
				t.Errorf("%s, %s: %v", platform, how, err)
				continue
			}
			if got.Status != want.Status || got.Signal != want.Signal || got.Reason != nil {
				t.Errorf("%s, %s: %+v", platform, how, got)
			}
			if code := got.Code(); want.Signal != 0 && code != 128+9 || want.Signal == 0 && code != want.Status {
				t.Errorf("%s, %s: code %d", platform, how, code)
			}
		}
	}
}

// A signal that ends an enclave is a status of EGo's.
func TestCrashUnderEGo(t *testing.T) {
	c := bridged(stage(t, "bridged"), "killed")
	c.EGo = script(t, fakeEGo)
	inst, err := host.Launch(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var exit *host.ExitError
	if err := inst.Wait(); !errors.As(err, &exit) || exit.Status != 9 || exit.Signal != 0 {
		t.Error(err)
	}
}

// What has crashed is launched again by the very same Config.
func TestRestart(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file := stage(t, "bridged")
	for platform, on := range platforms(t) {
		c := on(bridged(file, "panic"))
		for range 3 {
			inst, err := host.Launch(t.Context(), c)
			if err != nil {
				t.Fatalf("%s: %v", platform, err)
			}
			var exit *host.ExitError
			if err := inst.Wait(); !errors.As(err, &exit) || exit.Status != 2 {
				t.Errorf("%s: %v: %s", platform, err, c.Stderr)
			}
		}
		if left := sockets(t); len(left) != 0 {
			t.Errorf("%s: %v is left", platform, left)
		}
	}
}

func TestEGoDoesNotStart(t *testing.T) {
	file := stage(t, "exit")
	for text, want := range map[string]error{
		"echo '[erthost] loading enclave ...'; echo 'Failed to load libsgx_enclave_common.so.1'; exit 1":           host.ErrNoSGX,
		"echo 'Failed to load libsgx_enclave_common.so.1' >&2; exit 1":                                             host.ErrNoSGX,
		"echo '2026 [(H)ERROR] Failed to open Intel SGX device (oe_result_t=OE_PLATFORM_ERROR)'; exit 1":           host.ErrNoSGX,
		"echo 'enclave_initialize failed (err=0x1001) (oe_result_t=OE_PLATFORM_ERROR)'; exit 1":                    host.ErrNoSGX,
		"echo 'enclave_initialize failed (err=0x5) (oe_result_t=OE_PLATFORM_ERROR)'; exit 1":                       host.ErrNotSigned,
		"echo 'oe_sgx_is_valid_attributes failed: attributes = 0 (oe_result_t=OE_FAILURE)'; exit 1":                host.ErrNotSigned,
		"echo 'ELF image is not a PIE or shared object'; exit 1":                                                   host.ErrNotSigned,
		"echo 'Failed to load libsgx_enclave_common.so.1'; exit 0":                                                 nil,
		"echo 'something else'; exit 1":                                                                            nil,
		"head -c 100000 /dev/zero; echo 'Failed to load libsgx_enclave_common.so.1, says the application'; exit 1": nil,
	} {
		var stdout bytes.Buffer
		inst, err := host.Launch(t.Context(), host.Config{File: file, EGo: script(t, "#!/bin/sh\n"+text), Stdout: &stdout, Stderr: new(bytes.Buffer)})
		if err != nil {
			t.Fatal(err)
		}
		err = inst.Wait()
		var exit *host.ExitError
		if isExit := errors.As(err, &exit); isExit == strings.HasSuffix(text, "exit 0") {
			t.Errorf("%s: %v", text, err)
		}
		for _, sentinel := range []error{host.ErrNoSGX, host.ErrNotSigned} {
			if errors.Is(err, sentinel) != (sentinel == want) {
				t.Errorf("%s: %v", text, err)
			}
		}
		if want != nil && !strings.Contains(err.Error(), "could not start the trusted half") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFindEGo(t *testing.T) {
	home := t.TempDir()
	place := func(path string) string {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(fakeEGo), 0o700)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inHome := place(filepath.Join(home, "bin", "ego"))
	inPath := place(filepath.Join(t.TempDir(), "ego"))
	if _, err := os.Stat("/opt/ego/bin/ego"); err == nil {
		t.Skip("EGo is installed here")
	}
	for name, row := range map[string]struct{ home, path, want, says string }{
		"EGO_HOME":              {home, filepath.Dir(inPath), inHome, ""},
		"PATH":                  {"", filepath.Dir(inPath), inPath, ""},
		"nowhere":               {"", home, "", "install it for SGX, or simulate"},
		"EGO_HOME without EGo":  {filepath.Dir(inPath), filepath.Dir(inPath), "", "correct EGO_HOME"},
		"EGO_HOME and no PATH":  {home, "", inHome, ""},
		"EGO_HOME not a folder": {inHome, filepath.Dir(inPath), "", "correct EGO_HOME"},
	} {
		t.Setenv("EGO_HOME", row.home)
		t.Setenv("PATH", row.path)
		got, err := host.FindEGo()
		if got != row.want || errors.Is(err, host.ErrNoEGo) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestLaunchWithoutEGo(t *testing.T) {
	file := stage(t, "exit")
	t.Setenv("PATH", "")
	t.Setenv("EGO_HOME", t.TempDir())
	for _, ego := range []string{"", filepath.Join(t.TempDir(), "ego")} {
		if _, err := host.Launch(t.Context(), host.Config{File: file, EGo: ego}); !errors.Is(err, host.ErrNoEGo) {
			t.Errorf("%q: %v", ego, err)
		}
	}
}

// Of the host's environment a trusted half under EGo has the bridge's address.
func TestEGoPassesTheBridge(t *testing.T) {
	t.Setenv("SECRET", "of the host")
	var stdout bytes.Buffer
	c := bridged(stage(t, "bridged"), "environment")
	c.EGo, c.Stdout = script(t, fakeEGo), &stdout
	inst, err := host.Launch(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); err != nil {
		t.Fatal(err)
	}
	if out := stdout.String(); !strings.Contains(out, "\nEDG_CLEAVE_OCALL=unix:/") || strings.Contains(out, "SECRET") {
		t.Errorf("%s", out)
	}
}

func TestStdin(t *testing.T) {
	file := stage(t, "bridged")
	for platform, on := range platforms(t) {
		var stdout bytes.Buffer
		c := on(bridged(file, "echo"))
		c.Stdin, c.Stdout = strings.NewReader("what is read"), &stdout
		inst, err := host.Launch(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := inst.Wait(); err != nil || !strings.HasSuffix(stdout.String(), "what is read") {
			t.Errorf("%s: %q, %v", platform, stdout.String(), err)
		}
	}
}
