package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim/door"
	"github.com/cleave-sdk/cleave/internal/sim/world"
	"github.com/cleave-sdk/cleave/ocall"
)

// trusted is a trusted half that is to be simulated.
type trusted struct {
	manifest *manifest.Manifest
	measured [32]byte // simulated MRENCLAVE
	sockets  []string
	door     door.Config
}

// start starts the trusted half in the world that EGo gives one. Where the
// system does not allow that, it is started without, unless c is Strict.
func (t *trusted) start(ctx context.Context, c Config) (child *door.Child, err error) {
	d, stdin, err := delay(t.door.Stdin)
	if err != nil {
		return nil, err
	}
	defer func() { d.release(err == nil) }()
	t.door.Stdin = stdin
	return t.startSomehow(ctx, c)
}

func (t *trusted) startSomehow(ctx context.Context, c Config) (*door.Child, error) {
	w, err := world.Plan(world.Config{Manifest: t.manifest, Environment: t.door.Env, Sockets: t.sockets})
	if err != nil {
		return nil, err
	}
	child, err := t.startPrepared(ctx, func(s *door.Stopped) error { return w.Build(s) })
	if !errors.Is(err, world.ErrRefused) {
		return child, err
	}
	if c.Strict {
		return nil, fmt.Errorf("with Strict, %s is to have EGo's empty root and the files, mounts and PWD of enclave.json, and cannot: %w", t.manifest.Exe, err)
	}
	fmt.Fprintln(c.Stderr, t.missing(err))
	return t.startPrepared(ctx, func(*door.Stopped) error { return nil })
}

// startPrepared calls prepare when it is certain what is going to run.
func (t *trusted) startPrepared(ctx context.Context, prepare func(*door.Stopped) error) (*door.Child, error) {
	d := t.door
	d.Prepare = func(s *door.Stopped) error {
		if err := t.unchanged(s.Pid()); err != nil {
			return err
		}
		return prepare(s)
	}
	return door.Start(ctx, d)
}

// unchanged makes sure that the process, which has not begun to run, executes
// what was measured. The kernel lets nobody write to a file that is executed:
// what is read here stays, but on Linux 6.11 and 6.12, which let everybody.
func (t *trusted) unchanged(pid int) error {
	running, err := t.manifest.MeasureRunning(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return err
	}
	if running != t.measured {
		return fmt.Errorf("%s was changed while it was launched, so that it is not what was measured; launch it again", t.door.Path)
	}
	return nil
}

// missing is the line that says what is not as under EGo.
func (t *trusted) missing(why error) string {
	return fmt.Sprintf("cleave: *** SIMULATION *** not reproduced: EGo's empty root, and the files, mounts and PWD of enclave.json, which are measured all the same; "+
		"%s sees the host's own file system. %s", t.manifest.Exe, strings.ReplaceAll(why.Error(), "\n", "; "))
}

// sockets are those that variables for the trusted half name.
func sockets(environment []string) (paths []string) {
	for _, variable := range environment {
		if path, ok := strings.CutPrefix(variable, ocall.AddressVariable+"=unix:"); ok && filepath.IsAbs(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// maxProcs is GOMAXPROCS on machines with more processors: EGo keeps four of
// an enclave's 32 threads for what is not Go code.
const maxProcs = 28

// limited adds to an environment the limit that EGo sets where there are cpus
// processors and the enclave.json has no other.
func limited(environment []string, cpus int) []string {
	set := func(variable string) bool { return strings.HasPrefix(variable, "GOMAXPROCS=") }
	if cpus <= maxProcs || slices.ContainsFunc(environment, set) {
		return environment
	}
	return append(environment, fmt.Sprint("GOMAXPROCS=", maxProcs))
}
