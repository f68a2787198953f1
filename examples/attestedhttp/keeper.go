package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
)

// How long is waited between launches, in multiples of the first wait.
const (
	maxWait = 300
	settled = 600 // after a trusted half that ran so long, the next wait is the first again
)

const patience = 10 * time.Second // for a trusted half to end

// A keeper keeps a trusted half running.
type keeper struct {
	settings settings
	config   host.Config
	metrics  *metrics
	log      *slog.Logger

	mu       sync.Mutex
	address  string // where the trusted half serves, or empty
	launches uint64
	ending   bool
}

// openBlobs opens the directory of what is sealed, and makes it.
func openBlobs(dir string) (*usual.Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return usual.OpenDirectory(dir)
}

func newKeeper(s settings, blobs usual.Store, m *metrics, log *slog.Logger) *keeper {
	k := &keeper{settings: s, metrics: m, log: log}
	mux := &ocall.Mux{Interceptors: []ocall.Interceptor{m.observe}, Log: log}
	usual.HandleBlobs(mux, blobs)
	usual.HandleLog(mux, log)
	calls.Serving.Handle(mux, k.serving)
	k.config = host.Config{
		File:     s.file,
		Args:     []string{"-listen", s.listen},
		Service:  calls.Service,
		Calls:    mux,
		Simulate: s.simulate,
		State:    s.state,
		Stdout:   &lines{log: log, from: "stdout"},
		Stderr:   &lines{log: log, from: "stderr"},
		Log:      log,
	}
	return k
}

// keep launches the trusted half again and again, until ctx ends or there is
// no use.
func (k *keeper) keep(ctx context.Context) error {
	wait := k.settings.restart
	for {
		began := time.Now()
		err := k.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case k.hopeless(err):
			return err
		case time.Since(began) > settled*k.settings.restart:
			wait = k.settings.restart
		}
		k.log.Warn("the trusted half has ended, and is launched again", "error", fmt.Sprint(err), "wait", wait.String())
		if !sleep(ctx, wait/2+rand.N(wait/2+1)) {
			return nil
		}
		wait = min(2*wait, maxWait*k.settings.restart)
	}
}

// hopeless reports whether the same is going to happen again, as it is where
// the very first launch could not even be tried.
func (k *keeper) hopeless(err error) bool {
	_, launch, _ := k.now()
	var exit *host.ExitError
	return errors.Is(err, host.ErrNoEGo) || errors.Is(err, host.ErrNoSGX) || errors.Is(err, host.ErrNotSigned) ||
		err != nil && launch == 1 && !errors.As(err, &exit)
}

// once launches the trusted half and returns when it has ended. When ctx ends,
// it is ended gently, after -drain.
func (k *keeper) once(ctx context.Context) error {
	k.launched()
	inst, err := host.Launch(context.WithoutCancel(ctx), k.config)
	if err != nil {
		return err
	}
	defer k.gone()
	defer context.AfterFunc(ctx, func() { k.end(inst) })()
	return inst.Wait()
}

func (k *keeper) end(inst *host.Instance) {
	k.mu.Lock()
	k.ending = true
	k.mu.Unlock()
	k.log.Info("told to end: no longer ready", "drain", k.settings.drain.String())
	time.Sleep(k.settings.drain)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := inst.Stop(ctx); err != nil {
		k.log.Warn("ending the trusted half", "error", err.Error())
	}
}

func (k *keeper) launched() {
	k.mu.Lock()
	k.launches++
	k.mu.Unlock()
	k.metrics.launches.Inc()
}

// serving is what the trusted half says of itself, once for each launch.
func (k *keeper) serving(_ context.Context, address string) (ocall.None, error) {
	k.mu.Lock()
	k.address = address
	k.mu.Unlock()
	k.metrics.up.Set(1)
	k.log.Info("the trusted half serves", "address", address)
	return ocall.None{}, nil
}

func (k *keeper) gone() {
	k.mu.Lock()
	k.address = ""
	k.mu.Unlock()
	k.metrics.up.Set(0)
}

// now is where the trusted half serves, and which launch of it that is.
func (k *keeper) now() (address string, launch uint64, ending bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.address, k.launches, k.ending
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
