package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const trustedPackage = "github.com/cleave-sdk/cleave/examples/quickstart/trusted"

// A stage is the directory in which the quickstart plays, kept from one run to
// the next: the trusted half with its enclave.json and signing key, the
// simulated machine, and what the host stores.
type stage struct{ dir string }

func (s stage) manifest() string { return filepath.Join(s.dir, "enclave.json") }
func (s stage) machine() string  { return filepath.Join(s.dir, "machine") }
func (s stage) blobs() store     { return store(filepath.Join(s.dir, "blobs")) }

// newStage sets up the stage in dir, or in the user's cache directory.
func newStage(dir string) (stage, error) {
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return stage{}, fmt.Errorf("no place for the example's files, name one with -dir: %w", err)
		}
		dir = filepath.Join(cache, "cleave-quickstart")
	}
	s := stage{dir}
	return s, os.MkdirAll(string(s.blobs()), 0o700)
}

// build puts the trusted half and its enclave.json on the stage.
func (s stage) build(ctx context.Context, config string) error {
	description, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("run this from the root of the module, or name its enclave.json with -config: %w", err)
	}
	var m struct{ Exe string }
	if err := json.Unmarshal(description, &m); err != nil {
		return fmt.Errorf("%s: %w", config, err)
	}
	if err := os.WriteFile(s.manifest(), description, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(s.dir, m.Exe), trustedPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it tidies up
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building the trusted half: %w", err)
	}
	return nil
}
