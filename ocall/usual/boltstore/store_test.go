package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/ocall/usual"
	"github.com/cleave-sdk/cleave/ocall/usual/boltstore"
)

// Both stores are one to their caller.
func TestStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := usual.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	keys, err := boltstore.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	for name, s := range map[string]usual.Store{"directory": files, "bbolt": keys} {
		t.Run(name, func(t *testing.T) { testStore(t, t.Context(), s) })
	}
}

func testStore(t *testing.T, ctx context.Context, s usual.Store) {
	for i := range 12 {
		if err := s.Put(ctx, fmt.Sprintf("b.%02d", i), bytes.Repeat([]byte{byte(i)}, 1000*i)); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := s.Get(ctx, "b.03"); !bytes.Equal(b, bytes.Repeat([]byte{3}, 3000)) {
		t.Error(err)
	}
	if b, err := s.Get(ctx, "b.00"); len(b) != 0 || err != nil {
		t.Error("an empty blob:", err)
	}
	for want, r := range map[string][]string{
		"[b.00 b.01]": {"b.", ""}, "[b.11]": {"b.1", "b.10"}, "[]": {"c", ""}, "[b.10 b.11]": {"", "b.09"},
	} {
		if got, err := s.List(ctx, r[0], r[1], 2); fmt.Sprint(got) != want || !slices.IsSorted(got) {
			t.Errorf("%q: %v, want %s, %v", r, got, want, err)
		}
	}
	if err := s.Delete(ctx, "b.03"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, "b.03"); !errors.Is(err, usual.ErrNoBlob) {
		t.Error(err)
	}
	if err := s.Delete(ctx, "b.03"); !errors.Is(err, usual.ErrNoBlob) {
		t.Error(err)
	}
}
