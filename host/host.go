package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/ocall"
)

// Config says what to launch and how. Launch does not change it.
type Config struct {
	// File is the enclave.json of the trusted half, or its executable, which
	// then has the enclave.json beside it or, without one, EGo's defaults. The
	// executable must have been built, and for SGX been signed by `ego sign`.
	//
	// With Simulate, the key it names is made if there is none, with
	// public.pem beside it, as `ego sign` does. Keep it, and to yourself:
	// without it nothing sealed to the signer opens again.
	File string
	// Args are the trusted half's arguments, after its name. It has no reason
	// to believe them.
	Args []string

	// Service is what the trusted half may ask, Calls who answers. Either both
	// are set or, for a trusted half that makes no ocalls, neither.
	Service ocall.Service
	Calls   *ocall.Mux

	// Simulate runs the trusted half without SGX and without its protection.
	// A line on Stderr says so. ENCLAVE_JSON.md, beside this package's source,
	// says what of EGo's configuration is reproduced.
	Simulate bool
	// Strict has Launch fail where the system does not let the simulator give
	// the trusted half a file system of its own. Otherwise it runs with the
	// host's, and another line on Stderr says so, why, and what to do about it.
	Strict bool
	// State is the directory of the simulated machine, made if it does not
	// exist. Data sealed on one machine opens on no other. If empty,
	// cleave/simulator in the user's state directory ($XDG_STATE_HOME, or
	// ~/.local/state).
	State string
	// Announce, if not nil, hears of the simulated machine before the trusted
	// half runs: what it prints comes before whatever the trusted half does. If
	// it returns an error, so does Launch, and nothing runs.
	Announce func(*Simulator) error

	// EGo is the ego command. If empty, the one of [FindEGo]. Simulate does not
	// need it.
	EGo string

	// Quotes is how quotes are made on SGX. If nil, as [FindQuoteHelper] finds.
	// On the simulator they are always made out of process, by a service of
	// the same protocol.
	Quotes *QuoteHelper

	// Stdin is what the trusted half reads. If nil, nothing.
	Stdin io.Reader
	// Stdout and Stderr are the trusted half's. If nil, this process's own.
	Stdout, Stderr io.Writer

	// Log hears of what an operator should know. If nil, slog.Default.
	Log *slog.Logger
}

// A process is a trusted half that runs. Its methods are those of [Instance].
type process interface {
	Wait() error
	Stop(context.Context) error
}

// Launch starts the trusted half and serves it until it ends. It is killed
// when ctx ends; [Instance.Stop] is the gentle way. [Instance.Ready] waits until
// it is connected; what it is ready for beyond that, it says itself by an ocall.
//
// The trusted half is in a process group of its own, so that a Ctrl-C reaches
// the host alone. If the host is killed, a simulated trusted half dies with it;
// one under EGo goes on until somebody stops it.
func Launch(ctx context.Context, c Config) (*Instance, error) {
	inst, err := launch(ctx, c.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	return inst, nil
}

func launch(ctx context.Context, c Config) (*Instance, error) {
	if (c.Service == nil) != (c.Calls == nil) {
		return nil, errors.New("a Config has both a Service and Calls that answer it, or neither")
	}
	m, err := manifest.Open(c.File)
	if err != nil {
		return nil, err
	}
	for _, warning := range m.Warnings() {
		c.Log.WarnContext(ctx, warning, "file", c.File)
	}
	inst := newInstance(ctx)
	if err := inst.start(c, m); err != nil {
		inst.close()
		return nil, err
	}
	go inst.reap()
	return inst, nil
}

func (c Config) withDefaults() Config {
	if c.Stdout == nil {
		c.Stdout = os.Stdout
	}
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}
