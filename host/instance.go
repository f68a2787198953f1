package host

import (
	"context"
	"errors"
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

// Wait waits until the trusted half has ended and everything that served it
// has been closed. The error is nil if the trusted half exited with status 0,
// and an [*exec.ExitError] for another status, or for the signal by which
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
	err := i.process.Wait()
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
