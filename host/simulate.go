package host

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/oe"
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
	if err := runnable(m); err != nil {
		return err
	}
	machine, state, err := openMachine(c)
	if err != nil {
		return err
	}
	signer, err := c.signer(m)
	if err != nil {
		return err
	}
	id, err := identify(m, signer)
	if err == nil {
		err = context.Cause(i.ctx) // what came before takes its time, and heeds nobody
	}
	if err != nil {
		return err
	}
	url, err := i.serveCollateral(machine)
	if err != nil {
		return err
	}
	quotes, err := i.serveQuotes(machine)
	if err != nil {
		return err
	}
	i.simulator = &Simulator{
		Root:          machine.Root(),
		CollateralURL: url,
		Identity:      attestIdentity(id),
		State:         state,
	}
	if err := i.announce(c, m); err != nil {
		return err
	}
	enclave := ert.New(machine.Enclave(id), quotes)
	half := &trusted{manifest: m, measured: id.MRENCLAVE, sockets: sockets(environment), door: door.Config{
		Path:    m.Executable(),
		Args:    append([]string{m.Executable()}, c.Args...),
		Env:     limited(m.Environment(append(os.Environ(), environment...)), runtime.NumCPU()),
		Stdin:   c.Stdin,
		Stdout:  c.Stdout,
		Stderr:  c.Stderr,
		Handler: func(call *door.Call) uint64 { return enclave.Call(call, call.Number, call.Args) },
	}}
	child, err := half.start(i.ctx, c)
	if err != nil {
		return err
	}
	i.process = child
	return nil
}

// runnable says what the kernel would not: why an executable is none.
func runnable(m *manifest.Manifest) error {
	f, err := m.OpenExecutable()
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s may not be executed (mode %#o); chmod +x it", m.Executable(), info.Mode().Perm())
	}
	if err := oe.CheckImage(f); err != nil {
		return fmt.Errorf("%s: %w", m.Executable(), err)
	}
	return nil
}

// announce says what nobody may overlook, and who hears what before the trusted
// half can say anything.
func (i *Instance) announce(c Config, m *manifest.Manifest) error {
	fmt.Fprintf(c.Stderr, "cleave: *** SIMULATION, NOT SGX *** %s has no protection: this host can read its memory and open its secrets.\n", m.Exe)
	if c.Announce == nil {
		return nil
	}
	return c.Announce(i.simulator)
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
func (c Config) state() (dir string, err error) {
	if dir = c.State; dir == "" {
		if dir, err = sim.DefaultDir(); err != nil {
			return "", err
		}
	}
	return dir, os.MkdirAll(filepath.Dir(dir), 0o700)
}

// signer is the MRSIGNER of the trusted half. To make a key takes seconds.
func (c Config) signer(m *manifest.Manifest) ([32]byte, error) {
	making, err := m.MakesKey()
	if err != nil {
		return [32]byte{}, err
	}
	if making {
		c.Log.Info("host: making a signing key", "file", m.KeyFile())
	}
	key, err := m.Signer()
	if err != nil {
		return [32]byte{}, err
	}
	return sgx.MRSIGNER(&key.PublicKey)
}

// identify says who the trusted half is to the simulated CPU. It is measured
// last of all that takes time: what runs is to be what was measured.
func identify(m *manifest.Manifest, signer [32]byte) (sim.Identity, error) {
	measurement, err := m.Measure()
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
