package host_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/host"
)

// soon bounds a wait that would never end if nobody told of what it is for.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestReady(t *testing.T) {
	file := stage(t, "bridged")
	for platform, on := range platforms(t) {
		inst, err := host.Launch(t.Context(), on(bridged(file, "never")))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := inst.Ready(soon(t)); err != nil {
				t.Errorf("%s: %v", platform, err)
			}
		}
		if err := inst.Stop(t.Context()); err != nil {
			t.Errorf("%s: %v", platform, err)
		}
		for range 20 { // a coin would show both sides
			if err := inst.Ready(soon(t)); err != nil {
				t.Fatalf("%s: it was ready, and then: %v", platform, err)
			}
		}
	}
}

func TestNotReady(t *testing.T) {
	file := stage(t, "bridged")
	state := filepath.Join(t.TempDir(), "machine")
	c := bridged(file, "early")
	c.Simulate, c.State = true, state
	inst, err := host.Launch(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Ready(soon(t)); err == nil || err.Error() != "host: the trusted half ended before it was ready" {
		t.Errorf("ended well, and early: %v", err)
	}

	c = bridged(file, "never")
	c.EGo = script(t, "#!/bin/sh\nexec sleep 1000\n")
	if inst, err = host.Launch(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("long enough")
	cancel(cause)
	if err := inst.Ready(ctx); !errors.Is(err, cause) {
		t.Errorf("nobody has connected: %v", err)
	}
	if err := inst.Stop(t.Context()); err != nil {
		t.Error(err)
	}

	c.EGo = script(t, "#!/bin/sh\necho Failed to load libsgx_enclave_common.so.1\nexit 1\n")
	if inst, err = host.Launch(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := inst.Ready(soon(t)); !errors.Is(err, host.ErrNoSGX) || !strings.Contains(err.Error(), "ended before it was ready") {
		t.Errorf("never started: %v", err)
	}

	silent := host.Config{File: file, Args: []string{"early"}, Simulate: true, State: state, Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)}
	if inst, err = host.Launch(t.Context(), silent); err != nil {
		t.Fatal(err)
	}
	if err := inst.Ready(soon(t)); err == nil || !strings.Contains(err.Error(), "without Calls") {
		t.Errorf("without ocalls: %v", err)
	}
	if err := inst.Wait(); err != nil {
		t.Error(err)
	}
}
