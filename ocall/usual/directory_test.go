package usual_test

import (
	"bytes"
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
)

func directory(t *testing.T) (*usual.Directory, string) {
	path := filepath.Join(t.TempDir(), "blobs")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := usual.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, path
}

// Whoever speaks to the host's socket, or stands between, gets no further than
// the directory.
func TestNamesStayInTheDirectory(t *testing.T) {
	d, path := directory(t)
	outside := filepath.Join(filepath.Dir(path), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	var mux ocall.Mux
	usual.HandleBlobs(&mux, d)
	conn := ocalltest.Pipe(t, &mux, usual.Blobs())
	for _, name := range []string{"", ".", "..", "../outside", outside, "a/b", "a\\b", "a\x00b", ".draft-x", "ü", "a b", strings.Repeat("n", usual.MaxName+1)} {
		_, get := usual.Get.Call(t.Context(), conn, usual.Want{Name: name})
		_, put := usual.Put.Call(t.Context(), conn, usual.Blob{Name: name})
		_, remove := usual.Delete.Call(t.Context(), conn, name)
		for _, err := range []error{get, put, remove, second(d.Get(t.Context(), name)), d.Put(t.Context(), name, nil), d.Delete(t.Context(), name)} {
			if !errors.Is(err, usual.ErrName) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if b, err := usual.Get.Call(t.Context(), conn, usual.Want{Name: "link"}); err == nil {
		t.Errorf("a link led outside: %q", b)
	}
	if _, err := usual.Put.Call(t.Context(), conn, usual.Blob{Name: "link", Content: []byte("x")}); err == nil {
		t.Error("a link was replaced")
	}
	if b, err := os.ReadFile(outside); string(b) != "secret" {
		t.Errorf("a link was written through: %q, %v", b, err)
	}
}

func second[T any](_ T, err error) error { return err }

// Readers see one blob or the other, never a part.
func TestPutIsAtomic(t *testing.T) {
	d, _ := directory(t)
	blobs := [][]byte{bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 50_000)}
	if err := d.Put(t.Context(), "x", blobs[0]); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, b := range blobs {
		writers.Go(func() {
			for range 20 {
				if err := d.Put(t.Context(), "x", b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		b, err := d.Get(t.Context(), "x")
		if err != nil || !bytes.Equal(b, blobs[0]) && !bytes.Equal(b, blobs[1]) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
	writers.Wait()
}

// One name, put, read and deleted by many at once: a blob as a whole, or none.
func TestOneNameAtOnce(t *testing.T) {
	d, path := directory(t)
	blob := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 1000*n) }
	var users sync.WaitGroup
	for n := range 4 {
		users.Go(func() {
			for range 15 {
				if err := d.Put(t.Context(), "x", blob(n+1)); err != nil {
					t.Error("put:", err)
				}
			}
		})
		users.Go(func() {
			for range 100 {
				b, err := d.Get(t.Context(), "x")
				if err == nil && (len(b) == 0 || !bytes.Equal(b, blob(int(b[0])))) {
					t.Errorf("%d bytes", len(b))
				}
				if err != nil && err != usual.ErrNoBlob {
					t.Error("get:", err)
				}
			}
		})
		users.Go(func() {
			for range 15 {
				if err := d.Delete(t.Context(), "x"); err != nil && err != usual.ErrNoBlob {
					t.Error("delete:", err)
				}
			}
		})
	}
	users.Wait()
	if err := d.Put(t.Context(), "x", blob(1)); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, path); !slices.Equal(left, []string{"x"}) {
		t.Error(left)
	}
}

func entries(t *testing.T, path string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// refused is that what the directory has under a name stays as it is: no call
// reads, replaces, removes or lists it.
func refused(t *testing.T, d *usual.Directory, path, name string) {
	t.Helper()
	before, err := os.Lstat(filepath.Join(path, name))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := d.Get(t.Context(), name); err == nil || errors.Is(err, usual.ErrNoBlob) {
		t.Errorf("get: %q, %v", b, err)
	}
	if err := d.Put(t.Context(), name, []byte("x")); err == nil {
		t.Error("put")
	}
	if err := d.Delete(t.Context(), name); err == nil || errors.Is(err, usual.ErrNoBlob) {
		t.Error("delete:", err)
	}
	if names, err := d.List(t.Context(), "", "", 10); err != nil || slices.Contains(names, name) {
		t.Errorf("list: %q, %v", names, err)
	}
	after, err := os.Lstat(filepath.Join(path, name))
	if err != nil || !os.SameFile(before, after) {
		t.Error("it is another afterwards:", err)
	}
	if left := entries(t, path); len(left) != 1 {
		t.Errorf("%q", left)
	}
}

func TestNoFiles(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a directory":          func(path string) error { return os.Mkdir(path, 0o700) },
		"one with something":   func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
		"a link to itself":     func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"a link outside":       func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a link up":            func(path string) error { return os.Symlink("../x", path) },
		"a link into nowhere":  func(path string) error { return os.Symlink("none", path) },
		"a link to the middle": func(path string) error { return os.Symlink(".", path) },
	} {
		t.Run(name, func(t *testing.T) {
			d, path := directory(t)
			if err := put(filepath.Join(path, "name")); err != nil {
				t.Fatal(err)
			}
			refused(t, d, path, "name")
		})
	}
}

// A link to another blob would be a second name that nobody sees in a list.
func TestLinksInside(t *testing.T) {
	d, path := directory(t)
	if err := d.Put(t.Context(), "a", []byte("content")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", filepath.Join(path, "b")); err != nil {
		t.Fatal(err)
	}
	b, get := d.Get(t.Context(), "b")
	if put := d.Put(t.Context(), "b", nil); get == nil || put == nil {
		t.Errorf("%q, %v, %v", b, get, put)
	}
	if b, err := d.Get(t.Context(), "a"); string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestSizes(t *testing.T) {
	d, path := directory(t)
	var mux ocall.Mux
	usual.HandleBlobs(&mux, d)
	conn := ocalltest.Pipe(t, &mux, usual.Blobs())
	largest := bytes.Repeat([]byte("x"), usual.MaxBlob)
	if _, err := usual.Put.Call(t.Context(), conn, usual.Blob{Name: "x", Content: largest}); err != nil {
		t.Fatal(err)
	}
	_, byCall := usual.Put.Call(t.Context(), conn, usual.Blob{Name: "x", Content: append(largest, 'x')})
	if byHand := d.Put(t.Context(), "x", append(largest, 'x')); !errors.Is(byCall, usual.ErrSize) || byHand != usual.ErrSize {
		t.Errorf("a byte more: %v, %v", byCall, byHand)
	}
	hash := sha256.Sum256(largest)
	if _, err := usual.Get.Call(t.Context(), conn, usual.Want{Name: "x", SHA256: &hash}); err != nil {
		t.Error("what was put does not come back:", err)
	}
	// Of a petabyte: who reads it before he looks does not come back.
	if err := os.WriteFile(filepath.Join(path, "huge"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{usual.MaxBlob + 1, 1 << 40} {
		if err := os.Truncate(filepath.Join(path, "huge"), size); err != nil {
			t.Skip("no room for holes:", err)
		}
		if _, err := usual.Get.Call(t.Context(), conn, usual.Want{Name: "huge"}); !errors.Is(err, usual.ErrSize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if err := d.Put(t.Context(), "huge", nil); err != nil {
		t.Error("in its place:", err)
	}
}

// What a crash has left is not listed, and gone once somebody opens the
// directory who is alone in it.
func TestDraftsOfACrash(t *testing.T) {
	d, path := directory(t)
	if err := d.Put(t.Context(), "name", []byte("content")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".draft-ABC-name", ".other"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := d.List(t.Context(), "", "", 10); !slices.Equal(names, []string{"name"}) {
		t.Error(names, err)
	}
	open := func() *usual.Directory {
		other, err := usual.OpenDirectory(path)
		if err != nil {
			t.Fatal(err)
		}
		return other
	}
	other := open()
	if left := entries(t, path); len(left) != 3 {
		t.Errorf("a draft that may be in use: %q is left", left)
	}
	d.Close()
	open().Close()
	if left := entries(t, path); len(left) != 3 {
		t.Errorf("a draft that the other may use: %q is left", left)
	}
	other.Close()
	alone := open()
	defer alone.Close()
	if left := entries(t, path); !slices.Equal(left, []string{".other", "name"}) {
		t.Errorf("%q is left", left)
	}
	if b, err := alone.Get(t.Context(), "name"); string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
}

// More names than are read at once, and no more of them than were asked for.
func TestManyNames(t *testing.T) {
	d, path := directory(t)
	const all = 1500
	for i := range all {
		if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("n.%04d", (i*7)%all)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		names, err := d.List(t.Context(), "n.", after, 100)
		if err != nil || len(names) > 100 {
			t.Fatal(len(names), err)
		}
		if got = append(got, names...); len(names) == 0 {
			break
		}
	}
	if len(got) != all || !slices.IsSorted(got) || len(slices.Compact(got)) != all {
		t.Errorf("%d names", len(got))
	}
	if names, err := d.List(t.Context(), "", "", 0); len(names) != 0 || err != nil {
		t.Error(names, err)
	}
}

func TestNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(path, "x"), ""} {
		if d, err := usual.OpenDirectory(path); err == nil || d != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}
