package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/examples/quickstart/calls"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/ocall"
)

// patience bounds a start and a stop.
const patience = 30 * time.Second

// loader answers calls.Load.
type loader func(ctx context.Context, name string) ([]byte, error)

// running is a trusted half that has said it is ready.
type running struct {
	*host.Instance
	address string
}

// refusal is a trusted half that ended before it was ready.
type refusal struct {
	err    error
	stderr string
}

func (r *refusal) Error() string { return fmt.Sprintf("%v: %s", r.err, r.lastLine()) }

// lastLine is what the trusted half said when it gave up.
func (r *refusal) lastLine() string {
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	return lines[len(lines)-1]
}

// start launches the trusted half, with load to answer it, and waits until it
// is ready. What it writes to standard error is seen only if quiet is false.
func (t *tour) start(ctx context.Context, load loader, quiet bool) (*running, error) {
	ready := make(chan string, 1)
	var mux ocall.Mux
	calls.Load.Handle(&mux, load)
	calls.Store.Handle(&mux, t.stage.blobs().save)
	calls.Ready.Handle(&mux, func(_ context.Context, address string) (struct{}, error) {
		select {
		case ready <- address:
		default: // it has said so before
		}
		return struct{}{}, nil
	})
	var stderr transcript
	if !quiet {
		stderr.also = os.Stderr
	}
	inst, err := host.Launch(ctx, host.Config{
		File:     t.config,
		Service:  calls.Service,
		Calls:    &mux,
		Simulate: t.simulate,
		State:    t.stage.machine(),
		Stderr:   &stderr,
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- inst.Wait() }()
	select {
	case address := <-ready:
		return &running{inst, address}, nil
	case err := <-ended:
		return nil, &refusal{err, stderr.String()}
	case <-time.After(patience):
		stop(inst)
		return nil, fmt.Errorf("the trusted half was not ready after %v", patience)
	}
}

func stop(inst *host.Instance) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return inst.Stop(ctx)
}

// verifier is for what r runs on, with Intel's root on SGX.
func (r *running) verifier(policy attest.Policy) *attest.Verifier {
	v := &attest.Verifier{Policy: policy}
	if s := r.Simulator(); s != nil {
		v.Root = s.Root
		v.Collateral = &attest.PCS{URL: s.CollateralURL}
	}
	return v
}

// transcript keeps what is written to it.
type transcript struct {
	also io.Writer

	mu sync.Mutex
	b  bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.also != nil {
		t.also.Write(p)
	}
	return t.b.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
