package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
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
	blobs    usual.Store
	known    *state
	log      *slog.Logger
	launch   func(context.Context, host.Config) (*host.Instance, error)
}

// openBlobs opens the directory of what is sealed, and makes it.
func openBlobs(dir string) (*usual.Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return usual.OpenDirectory(dir)
}

func newKeeper(s settings, blobs usual.Store, known *state, log *slog.Logger) *keeper {
	return &keeper{settings: s, blobs: blobs, known: known, log: log, launch: host.Launch}
}

// config is for one launch, which alone is what it speaks of.
func (k *keeper) config(launch uint64) host.Config {
	return host.Config{
		File:     k.settings.file,
		Args:     []string{"-listen", k.settings.listen},
		Service:  calls.Service,
		Calls:    k.calls(launch),
		Simulate: k.settings.simulate,
		State:    k.settings.state,
		Stdout:   &lines{log: k.log, from: "stdout"},
		Stderr:   &lines{log: k.log, from: "stderr"},
		Log:      k.log,
	}
}

func (k *keeper) calls(launch uint64) *ocall.Mux {
	mux := &ocall.Mux{Interceptors: []ocall.Interceptor{k.known.metrics.observe}, Log: k.log}
	usual.HandleBlobs(mux, k.blobs)
	usual.HandleLog(mux, k.log)
	calls.Serving.Handle(mux, func(_ context.Context, address string) (ocall.None, error) {
		return ocall.None{}, k.serves(launch, address)
	})
	calls.Renewal.Handle(mux, func(_ context.Context, trouble string) (ocall.None, error) {
		return ocall.None{}, k.renewal(launch, trouble)
	})
	return mux
}

// serves is what the trusted half says of itself, once for each launch.
func (k *keeper) serves(launch uint64, address string) error {
	if err := k.known.serves(launch, address); err != nil {
		return err
	}
	k.log.Info("the trusted half serves", "address", address, "launch", launch)
	return nil
}

// renewal is what it says when renewing its certificate begins to fail, and,
// with no trouble any more, when that is over.
func (k *keeper) renewal(launch uint64, trouble string) error {
	if err := k.known.troubled(launch, trouble); err != nil {
		return err
	}
	if trouble == "" {
		k.log.Info("the trusted half's certificate is renewed again")
		return nil
	}
	k.log.Warn("the trusted half's certificate was not renewed; once it has expired, clients are refused", "error", trouble)
	return nil
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
	var exit *host.ExitError
	return errors.Is(err, host.ErrNoEGo) || errors.Is(err, host.ErrNoSGX) || errors.Is(err, host.ErrNotSigned) ||
		err != nil && k.known.count() == 1 && !errors.As(err, &exit)
}

// once launches the trusted half and returns when it has ended. When ctx ends,
// it is ended gently, after -drain.
func (k *keeper) once(ctx context.Context) error {
	launch := k.known.began()
	defer k.known.gone(launch) // also where it has served before Launch failed
	inst, err := k.launch(context.WithoutCancel(ctx), k.config(launch))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { k.end(inst) })()
	return inst.Wait()
}

func (k *keeper) end(inst *host.Instance) {
	k.known.ends()
	k.log.Info("told to end: no longer ready", "drain", k.settings.drain.String())
	time.Sleep(k.settings.drain)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := inst.Stop(ctx); err != nil {
		k.log.Warn("ending the trusted half", "error", err.Error())
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
