package host

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/door"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// Simulator is the machine a trusted half runs on that has no SGX. Whoever
// holds its state directory can make quotes of any enclave and open whatever
// was sealed on it: trust it with nothing but tests.
type Simulator struct {
	// Root is what the machine's quotes rest on. A verifier accepts them only
	// if this is its [attest.Verifier.Root].
	Root *x509.Certificate
	// CollateralURL is where its collateral is served while the instance runs,
	// on loopback, for an [attest.PCS].
	CollateralURL string
	// Identity is the trusted half's. The measurement is not the one that it
	// has on SGX.
	Identity attest.Identity
	// State is the machine's directory.
	State string
}

func (i *Instance) simulate(c Config, m *manifest.Manifest, environment []string) error {
	machine, state, err := openMachine(c)
	if err != nil {
		return err
	}
	if _, err := os.Stat(m.KeyFile()); errors.Is(err, fs.ErrNotExist) {
		c.Log.Info("host: making a signing key", "file", m.KeyFile())
	}
	id, err := identify(m)
	if err != nil {
		return err
	}
	url, err := i.serveCollateral(machine)
	if err != nil {
		return err
	}
	i.simulator = &Simulator{
		Root:          machine.Root(),
		CollateralURL: url,
		Identity:      attestIdentity(id),
		State:         state,
	}
	announce(c.Stderr, m)
	runtime := ert.New(machine.Enclave(id), machine)
	child, err := door.Start(i.ctx, door.Config{
		Path:    m.Executable(),
		Args:    append([]string{m.Executable()}, c.Args...),
		Env:     m.Environment(append(os.Environ(), environment...)),
		Stdout:  c.Stdout,
		Stderr:  c.Stderr,
		Handler: func(call *door.Call) uint64 { return runtime.Call(call, call.Number, call.Args) },
	})
	if err != nil {
		return err
	}
	i.process = child
	return nil
}

// announce says what nobody may overlook.
func announce(stderr io.Writer, m *manifest.Manifest) {
	fmt.Fprintf(stderr, "cleave: *** SIMULATION, NOT SGX *** %s has no protection: this host can read its memory and open its secrets.\n", m.Exe)
	if len(m.Files)+len(m.Mounts) > 0 {
		fmt.Fprintf(stderr, "cleave: *** SIMULATION *** files and mounts of enclave.json are measured but not provided: %s sees the host's own file system.\n", m.Exe)
	}
}

// openMachine opens the machine in c.State, or the user's own, or makes one.
func openMachine(c Config) (*sim.Machine, string, error) {
	dir, err := c.state()
	if err != nil {
		return nil, "", fmt.Errorf("no place for the simulated machine: %w; name one in Config.State", err)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		c.Log.Info("host: making a simulated machine, on which nothing opens that another has sealed", "dir", dir)
	}
	machine, err := sim.Open(dir)
	return machine, dir, err
}

// state is where the machine is. The directories above it are there.
func (c Config) state() (string, error) {
	dir := c.State
	if dir == "" {
		state := os.Getenv("XDG_STATE_HOME")
		if !filepath.IsAbs(state) {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", err
			}
			state = filepath.Join(home, ".local", "state")
		}
		dir = filepath.Join(state, "cleave", "simulator")
	}
	return dir, os.MkdirAll(filepath.Dir(dir), 0o700)
}

// identify says who the trusted half is to the simulated CPU.
func identify(m *manifest.Manifest) (sim.Identity, error) {
	measurement, err := m.Measure()
	if err != nil {
		return sim.Identity{}, err
	}
	key, err := m.Signer()
	if err != nil {
		return sim.Identity{}, err
	}
	signer, err := sgx.MRSIGNER(&key.PublicKey)
	if err != nil {
		return sim.Identity{}, err
	}
	return sim.Identity{
		MRENCLAVE: measurement,
		MRSIGNER:  signer,
		ProductID: uint16(m.ProductID),
		SVN:       uint16(m.SVN),
		Debug:     m.Debug,
	}, nil
}

func attestIdentity(id sim.Identity) attest.Identity {
	return attest.Identity{
		Measurement: id.MRENCLAVE,
		Signer:      id.MRSIGNER,
		ProductID:   id.ProductID,
		SVN:         id.SVN,
		Debug:       id.Debug,
	}
}

// serveCollateral serves the machine's collateral on loopback and returns the
// URL.
func (i *Instance) serveCollateral(machine *sim.Machine) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: machine.PCS(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	i.serve(func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { server.Close() })()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return "http://" + l.Addr().String() + "/sgx/certification/v4", nil
}
