package host

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// Instance is a trusted half that has been launched. Its methods are safe for
// concurrent use.
type Instance struct {
	process   process
	simulator *Simulator

	ctx     context.Context // ends when the instance is to go, or has gone
	cancel  context.CancelFunc
	servers sync.WaitGroup
	closers []func() error

	ready chan struct{} // closed when the trusted half has agreed on the Service; nil without one
	agree func()        // closes ready, once

	mu     sync.Mutex
	failed error         // why a server ended before its time
	done   chan struct{} // closed when err is set
	err    error
}

func newInstance(ctx context.Context) *Instance {
	inst := &Instance{done: make(chan struct{})}
	inst.ctx, inst.cancel = context.WithCancel(ctx)
	return inst
}

// start opens what the trusted half needs and then starts it.
func (i *Instance) start(c Config, m *manifest.Manifest) error {
	environment, err := i.openBridge(c)
	if err != nil {
		return err
	}
	if c.Simulate {
		return i.simulate(c, m, environment)
	}
	return i.runEGo(c, m, environment)
}

// Simulator describes the machine that simulates, or is nil on SGX.
func (i *Instance) Simulator() *Simulator { return i.simulator }

// Ready waits until the trusted half runs and is connected: it has called
// [ocall.Dial], and both halves agree on the Service. What more there is to be
// ready for, that it listens somewhere, say, only an ocall of its own can tell.
//
// The error is that of ctx or, if the trusted half ended before, that of Wait
// in the chain of an error that says so. It is an error to ask this of a
// trusted half that makes no ocalls: it has no way to say it.
func (i *Instance) Ready(ctx context.Context) error {
	if i.ready == nil {
		return errNoCalls
	}
	select {
	case <-i.ready:
	case <-i.done:
	case <-ctx.Done():
	}
	switch {
	case closed(i.ready): // whatever has happened since
		return nil
	case closed(i.done):
		return i.early()
	}
	return fmt.Errorf("host: the trusted half is not ready: %w", context.Cause(ctx))
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// early is the error of a trusted half that ended before it was ready.
func (i *Instance) early() error {
	if i.err == nil {
		return errEnded
	}
	return fmt.Errorf("%w: %w", errEnded, i.err)
}

var (
	errNoCalls = errors.New("host: a Config without Calls gives the trusted half no way to say that it is ready")
	errEnded   = errors.New("host: the trusted half ended before it was ready")
)

// Wait waits until the trusted half has ended and everything that served it
// has been closed. The error is nil if the trusted half exited with status 0,
// and an [*ExitError] for another status, or for the signal by which
// [Instance.Stop] or the end of its context ended it.
func (i *Instance) Wait() error {
	<-i.done
	return i.err
}

// Stop asks the trusted half to end, kills it when ctx ends, and returns when
// it has ended. EGo gives no enclave a chance to handle signals, so a trusted
// half has nothing to tidy up, and its status does not matter: the error is nil
// unless what served the trusted half has failed.
func (i *Instance) Stop(ctx context.Context) error {
	i.process.Stop(ctx) // what it returns is the consequence of stopping
	<-i.done
	return i.failure()
}

// reap waits for the trusted half and takes everything down after it.
func (i *Instance) reap() {
	err := ended(i.process.Wait())
	i.close()
	if failed := i.failure(); failed != nil {
		err = failed
	}
	i.err = err
	close(i.done)
}

// failure is why a server has ended before its time, or nil.
func (i *Instance) failure() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failed
}

// serve runs a server until the instance ends. One that ends before, with an
// error, takes the instance with it.
func (i *Instance) serve(run func(context.Context) error) {
	i.servers.Go(func() {
		err := run(i.ctx)
		if err == nil || i.ctx.Err() != nil {
			return
		}
		i.mu.Lock()
		i.failed = errors.Join(i.failed, err)
		i.mu.Unlock()
		i.cancel() // ends the trusted half too
	})
}

func (i *Instance) onClose(f func() error) { i.closers = append(i.closers, f) }

func (i *Instance) close() {
	i.cancel()
	i.servers.Wait()
	for _, f := range i.closers {
		f() // nothing is left that an error could endanger
	}
}
