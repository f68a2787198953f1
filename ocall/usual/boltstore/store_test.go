package boltstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
	"github.com/cleave-sdk/cleave/ocall/usual"
	"github.com/cleave-sdk/cleave/ocall/usual/boltstore"
)

// store is a usual.Store that can be closed, and opened again.
type store interface {
	usual.Store
	Close() error
}

// stores open what is in a directory, of whichever kind.
var stores = map[string]func(dir string) (store, error){
	"directory": func(dir string) (store, error) {
		path := filepath.Join(dir, "blobs")
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
		return usual.OpenDirectory(path)
	},
	"bbolt": func(dir string) (store, error) { return boltstore.Open(filepath.Join(dir, "blobs.db")) },
}

// script is what a trusted half does and is told, as text. Between its two
// parts the host half ends, and starts again.
func script(t *testing.T, open func(dir string) (store, error)) string {
	t.Helper()
	dir := t.TempDir()
	var told strings.Builder
	for _, part := range []func(context.Context, *ocall.Conn, *strings.Builder){write, read} {
		s, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		mux := new(ocall.Mux)
		usual.HandleBlobs(mux, s)
		conn := ocalltest.Pipe(t, mux, usual.Blobs())
		part(t.Context(), conn, &told)
		conn.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return told.String()
}

func write(ctx context.Context, conn *ocall.Conn, told *strings.Builder) {
	put := func(name string, content []byte) {
		receipt, err := usual.Put.Call(ctx, conn, usual.Blob{Name: name, Content: content})
		fmt.Fprintf(told, "put %.20q: %.4x, %v\n", name, receipt, err)
	}
	for i := range 12 {
		put(fmt.Sprintf("b.%02d", i), bytes.Repeat([]byte{byte(i)}, 1000*i))
	}
	put("b.03", []byte("another"))
	put("B.03", []byte("no other case of it"))
	put(strings.Repeat("n", usual.MaxName), nil)
	put("large", make([]byte, 1<<20))
	for _, name := range []string{"", ".", "..", "../b.00", "a/b", ".draft-x", "ü", "a\x00", strings.Repeat("n", usual.MaxName+1)} {
		put(name, nil)
	}
	put("too.large", make([]byte, usual.MaxBlob+1))
	for _, name := range []string{"b.04", "b.04", "none", ".."} {
		_, err := usual.Delete.Call(ctx, conn, name)
		fmt.Fprintf(told, "delete %q: %v\n", name, err)
	}
}

func read(ctx context.Context, conn *ocall.Conn, told *strings.Builder) {
	get := func(name string) {
		blob, err := usual.Get.Call(ctx, conn, usual.Want{Name: name})
		fmt.Fprintf(told, "get %.20q: %d bytes, %x, %v\n", name, len(blob), sha256.Sum256(blob), err)
	}
	for i := range 12 {
		get(fmt.Sprintf("b.%02d", i))
	}
	for _, name := range []string{"B.03", strings.Repeat("n", usual.MaxName), "large", "b.", "B", "none", "", "..", "too.large"} {
		get(name)
	}
	for _, r := range []usual.Range{
		{}, {Prefix: "b."}, {Prefix: "b.", After: "b.07"}, {Prefix: "b.1", After: "b.10"}, {Prefix: "b.", After: "a"},
		{Prefix: "b.", After: "c"}, {After: "b.11"}, {Prefix: "c"}, {After: "zzz"}, {Prefix: "../"}, {After: "\xc3\xbc"},
	} {
		names, err := usual.List.Call(ctx, conn, r)
		fmt.Fprintf(told, "list %q: %.20q, %v\n", r, names, err)
	}
}

// The trusted half cannot tell the stores by anything that it is told, nor
// whether they were closed meanwhile.
func TestStoresCannotBeTold(t *testing.T) {
	told := make(map[string]string)
	for name, open := range stores {
		told[name] = script(t, open)
	}
	if told["directory"] != told["bbolt"] {
		t.Errorf("a directory:\n%s\nbbolt:\n%s", told["directory"], told["bbolt"])
	}
	for _, line := range []string{
		`put "b.03": ` + fmt.Sprintf("%.4x", sha256.Sum256([]byte("another"))) + ", <nil>",
		`delete "b.04": <nil>`,
		`delete "b.04": ocall: blob.delete: the host said no_blob`,
		`put "": 00000000, ocall: blob.put: the host said bad_name`,
		`put "too.large": 00000000, ocall: blob.put: the host said too_large`,
		`get "b.04": 0 bytes`,
		`get "large": 1048576 bytes`,
		`list {"b.1" "b.10"}: ["b.11"], <nil>`,
	} {
		if !strings.Contains(told["directory"], line) {
			t.Errorf("no %s in\n%s", line, told["directory"])
		}
	}
}

// What a Store owes to whoever calls it in Go.
func TestStores(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			s, err := open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i := range 12 {
				if err := s.Put(t.Context(), fmt.Sprintf("b.%02d", i), nil); err != nil {
					t.Fatal(err)
				}
			}
			for want, r := range map[string][]string{
				"[b.00 b.01]": {"b.", ""}, "[b.11]": {"b.1", "b.10"}, "[]": {"c", ""}, "[b.10 b.11]": {"", "b.09"},
			} {
				if got, err := s.List(t.Context(), r[0], r[1], 2); fmt.Sprint(got) != want || !slices.IsSorted(got) {
					t.Errorf("%q: %v, want %s, %v", r, got, want, err)
				}
			}
			if _, err := s.Get(t.Context(), "none"); !errors.Is(err, usual.ErrNoBlob) {
				t.Error(err)
			}
			if err := s.Delete(t.Context(), "none"); !errors.Is(err, usual.ErrNoBlob) {
				t.Error(err)
			}
			atOnce(t, s)
		})
	}
}

// atOnce has several goroutines use one name: they see a blob as a whole, or
// none.
func atOnce(t *testing.T, s usual.Store) {
	var users sync.WaitGroup
	for n := range 3 {
		users.Go(func() {
			for range 5 {
				put := s.Put(t.Context(), "x", bytes.Repeat([]byte{byte(n)}, 5000+n))
				b, get := s.Get(t.Context(), "x")
				_, list := s.List(t.Context(), "", "", 5)
				remove := s.Delete(t.Context(), "x")
				if whole := get != nil || len(b) == 5000+int(b[0]); put != nil || list != nil || !whole {
					t.Errorf("%v, %v, %d bytes", put, list, len(b))
				}
				for _, err := range []error{get, remove} {
					if err != nil && !errors.Is(err, usual.ErrNoBlob) {
						t.Error(err)
					}
				}
			}
		})
	}
	users.Wait()
}
