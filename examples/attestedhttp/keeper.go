package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
)

const patience = 10 * time.Second // for a trusted half to end

// A keeper keeps a trusted half running.
type keeper struct {
	settings settings
	blobs    usual.Store
	known    *state
	log      *slog.Logger
	launch   func(context.Context, host.Config) (instance, error)
}

// instance is what a [host.Instance] does.
type instance interface {
	Wait() error
	Stop(context.Context) error
}

// openBlobs opens the directory of what is sealed, and makes it.
func openBlobs(dir string) (*usual.Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return usual.OpenDirectory(dir)
}

func newKeeper(s settings, blobs usual.Store, known *state, log *slog.Logger) *keeper {
	return &keeper{settings: s, blobs: blobs, known: known, log: log, launch: launch}
}

func launch(ctx context.Context, c host.Config) (instance, error) { return host.Launch(ctx, c) }

// config is for one launch, which alone is what it speaks of.
func (k *keeper) config(launch uint64, stdout, stderr io.Writer) host.Config {
	return host.Config{
		File:     k.settings.file,
		Args:     []string{"-listen", k.settings.listen},
		Service:  calls.Service,
		Calls:    k.calls(launch),
		Simulate: k.settings.simulate,
		State:    k.settings.state,
		Stdout:   stdout,
		Stderr:   stderr,
		Log:      k.log,
	}
}

func (k *keeper) calls(launch uint64) *ocall.Mux {
	mux := &ocall.Mux{Interceptors: []ocall.Interceptor{k.known.metrics.observe}, Log: k.log}
	usual.HandleBlobs(mux, k.blobs)
	usual.HandleLog(mux, k.log)
	calls.Serving.Handle(mux, func(_ context.Context, at calls.Places) (ocall.None, error) {
		return ocall.None{}, k.serves(launch, at)
	})
	calls.Renewal.Handle(mux, func(_ context.Context, trouble string) (ocall.None, error) {
		return ocall.None{}, k.renewal(launch, trouble)
	})
	return mux
}

// serves is what the trusted half says of itself, once for each launch.
func (k *keeper) serves(launch uint64, at calls.Places) error {
	if err := k.known.serves(launch, at.Host); err != nil {
		return err
	}
	k.log.Info("the trusted half serves", "address", at.Clients, "launch", launch)
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
	waits := backoff{first: k.settings.restart}
	for first := true; ; first = false {
		began := time.Now()
		err := k.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case hopeless(err, first):
			return err
		}
		wait := waits.after(time.Since(began))
		log := k.log
		if err != nil {
			log = log.With("error", err.Error())
		}
		log.Warn("the trusted half has ended, and is launched again", "wait", wait.String())
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// hopeless reports whether the same is going to happen again: EGo or SGX is not
// there, or the very first launch did not come about. A later one may have met
// with something that passes.
func hopeless(err error, first bool) bool {
	var none *noLaunch
	return errors.Is(err, host.ErrNoEGo) || errors.Is(err, host.ErrNoSGX) || errors.Is(err, host.ErrNotSigned) ||
		first && errors.As(err, &none)
}

// noLaunch is why there was nothing to wait for.
type noLaunch struct{ error }

func (n *noLaunch) Unwrap() error { return n.error }

// once launches the trusted half and returns when it has ended. When ctx ends,
// it is ended gently, after -drain.
func (k *keeper) once(ctx context.Context) error {
	launch := k.known.began()
	defer k.known.gone(launch) // also where it has served before Launch failed
	stdout, stderr := &lines{log: k.log, from: "stdout"}, &lines{log: k.log, from: "stderr"}
	defer stdout.end()
	defer stderr.end()
	inst, err := k.launch(context.WithoutCancel(ctx), k.config(launch, stdout, stderr))
	if err != nil {
		return &noLaunch{err}
	}
	defer context.AfterFunc(ctx, func() { k.end(inst) })()
	return inst.Wait()
}

// end has nobody to wait for where nothing was served yet.
func (k *keeper) end(inst instance) {
	drain := k.settings.drain
	if served := k.known.ends(); !served {
		drain = 0
	}
	k.log.Info("told to end: no longer ready", "drain", drain.String())
	time.Sleep(drain)
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
