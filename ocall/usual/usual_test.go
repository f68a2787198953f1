package usual_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

func TestBlobs(t *testing.T) {
	d, path := directory(t)
	var mux ocall.Mux
	usual.HandleBlobs(&mux, d)
	conn := ocalltest.Pipe(t, &mux, usual.Blobs())
	put := func(name, content string) error {
		_, err := usual.Put.Call(t.Context(), conn, usual.Blob{Name: name, Content: []byte(content)})
		return err
	}
	for _, name := range []string{"a", "b.1", "b.2", strings.Repeat("n", usual.MaxName)} {
		if err := put(name, "of "+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("a", "newer"); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte("newer"))
	if b, err := usual.Get.Call(t.Context(), conn, usual.Want{Name: "a", SHA256: &hash}); string(b) != "newer" {
		t.Error(err)
	}
	hash[0] ^= 1
	if _, err := usual.Get.Call(t.Context(), conn, usual.Want{Name: "a", SHA256: &hash}); !errors.Is(err, ocall.ErrViolation) {
		t.Error("another content than was asked for:", err)
	}
	if _, err := usual.Get.Call(t.Context(), conn, usual.Want{Name: "none"}); !errors.Is(err, usual.ErrNoBlob) {
		t.Error(err)
	}
	if names, err := usual.List.Call(t.Context(), conn, usual.Range{Prefix: "b.", After: "b.1"}); !slices.Equal(names, []string{"b.2"}) {
		t.Error(names, err)
	}
	if _, err := usual.Delete.Call(t.Context(), conn, "a"); err != nil {
		t.Error(err)
	}
	if _, err := usual.Delete.Call(t.Context(), conn, "a"); !errors.Is(err, usual.ErrNoBlob) {
		t.Error(err)
	}
	left, err := os.ReadDir(path)
	if err != nil || len(left) != 3 {
		t.Error("drafts are left:", left, err)
	}
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
	if _, err := usual.Put.Call(t.Context(), conn, usual.Blob{Name: "link", Content: []byte("x")}); err != nil {
		t.Error(err)
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

func TestLists(t *testing.T) {
	for name, c := range map[string]struct {
		names []string
		ok    bool
	}{
		"none":           {nil, true},
		"in order":       {[]string{"b.1", "b.2"}, true},
		"descending":     {[]string{"b.2", "b.1"}, false},
		"twice":          {[]string{"b.1", "b.1"}, false},
		"not after":      {[]string{"b."}, false},
		"another prefix": {[]string{"c"}, false},
		"odd":            {[]string{"b./../x"}, false},
		"too many":       {many(usual.MaxList + 1), false},
		"as many as may": {many(usual.MaxList), true},
	} {
		if err := usual.List.Check(usual.Range{Prefix: "b.", After: "b."}, c.names); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("b.%06d", i)
	}
	return names
}

func TestTimes(t *testing.T) {
	built := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		bounds  usual.Bounds
		claimed time.Time
		ok      bool
	}{
		"zero":                {usual.Bounds{}, time.Time{}, false},
		"anything":            {usual.Bounds{}, built, true},
		"later":               {usual.Bounds{NotBefore: built}, built.AddDate(1, 0, 0), true},
		"the same":            {usual.Bounds{NotBefore: built}, built, true},
		"set back":            {usual.Bounds{NotBefore: built}, built.Add(-1), false},
		"in another century":  {usual.Bounds{NotBefore: built}, built.AddDate(200, 0, 0), false},
		"later than is known": {usual.Bounds{NotBefore: built, Within: time.Hour}, built.Add(time.Hour + 1), false},
	} {
		if err := usual.TimeAsTheHostClaims.Check(c.bounds, c.claimed); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	var mux ocall.Mux
	usual.HandleClock(&mux, func() time.Time { return built })
	conn := ocalltest.Pipe(t, &mux, ocall.Service{usual.TimeAsTheHostClaims})
	if got, err := usual.TimeAsTheHostClaims.Call(t.Context(), conn, usual.Bounds{}); !got.Equal(built) {
		t.Error(got, err)
	}
	if _, err := usual.TimeAsTheHostClaims.Call(t.Context(), conn, usual.Bounds{NotBefore: built.Add(1)}); !errors.Is(err, ocall.ErrViolation) {
		t.Error(err)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	var mux ocall.Mux
	usual.HandleLog(&mux, slog.New(slog.NewTextHandler(&out, nil)))
	conn := ocalltest.Pipe(t, &mux, ocall.Service{usual.Log})
	line := usual.Line{Level: slog.LevelWarn, Message: "a\nb", Attrs: []usual.Attr{{"key", "level=ERROR"}}}
	if _, err := usual.Log.Call(t.Context(), conn, line); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, `level=WARN msg="a\nb" trusted.key="level=ERROR"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
	line.Message = strings.Repeat("x", 5000)
	if _, err := usual.Log.Call(t.Context(), conn, line); !errors.Is(err, ocall.ErrLimit) {
		t.Error(err)
	}
}

// An attacker in the host's place: no answer passes that the checks could tell.
func TestHostileBlobs(t *testing.T) {
	d, _ := directory(t)
	if err := d.Put(t.Context(), "a", []byte("content")); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte("content"))
	var mux ocall.Mux
	usual.HandleBlobs(&mux, d)
	for _, way := range ocalltest.Bends() {
		t.Run(way.String(), func(t *testing.T) {
			conn := ocalltest.Hostile(t, &mux, usual.Blobs(), way)
			for range 6 {
				get, put := usual.Get, usual.Put
				get.Timeout, put.Timeout = 20*time.Millisecond, 20*time.Millisecond
				if b, err := get.Call(t.Context(), conn, usual.Want{Name: "a", SHA256: &hash}); err == nil && string(b) != "content" {
					t.Fatalf("%q", b)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				r, err := put.Call(ctx, conn, usual.Blob{Name: "b", Content: []byte("x")})
				if cancel(); err == nil && r != sha256.Sum256([]byte("x")) {
					t.Fatalf("%x", r)
				}
			}
		})
	}
}
