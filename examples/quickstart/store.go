package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/examples/quickstart/calls"
)

// store keeps the trusted half's blobs as files of a directory. It cannot read
// them, and what it does to them shows.
type store string

func (s store) load(_ context.Context, name string) ([]byte, error) {
	b, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s store) save(_ context.Context, b calls.Blob) (struct{}, error) {
	return struct{}{}, os.WriteFile(s.path(b.Name), b.Content, 0o600)
}

func (s store) path(name string) string { return filepath.Join(string(s), filepath.Base(name)) }

// flipped is a host that changes one bit of what it was given to keep.
func (s store) flipped(ctx context.Context, name string) ([]byte, error) {
	b, err := s.load(ctx, name)
	if len(b) > 0 {
		b[len(b)-1] ^= 1
	}
	return b, err
}

// garbage is a host that answers with something else altogether.
func garbage(context.Context, string) ([]byte, error) {
	return []byte("nothing that was ever sealed"), nil
}
