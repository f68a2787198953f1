package usual_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
	"github.com/cleave-sdk/cleave/ocall/usual"
)

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
		"the year 1":          {usual.Bounds{}, time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), false},
		"1970":                {usual.Bounds{}, time.Unix(0, 0), false},
		"before this was":     {usual.Bounds{}, built.Add(-1), false},
		"unless one knows":    {usual.Bounds{NotBefore: time.Unix(0, 0)}, time.Unix(1, 0), true},
		"another century":     {usual.Bounds{}, built.AddDate(101, 0, 0), false},
		"the year 9999":       {usual.Bounds{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), false},
		"it, long within":     {usual.Bounds{Within: 200 * 365 * 24 * time.Hour}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), false},
		"within nothing":      {usual.Bounds{NotBefore: built, Within: -1}, built, false},
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

// Where time must not go back, each answer bounds the next.
func TestTimeGoesBack(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var mux ocall.Mux
	usual.HandleClock(&mux, func() time.Time { now = now.Add(-time.Second); return now })
	conn := ocalltest.Pipe(t, &mux, ocall.Service{usual.TimeAsTheHostClaims})
	first, err := usual.TimeAsTheHostClaims.Call(t.Context(), conn, usual.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := usual.TimeAsTheHostClaims.Call(t.Context(), conn, usual.Bounds{NotBefore: first}); !errors.Is(err, ocall.ErrViolation) {
		t.Errorf("%v after %v: %v", second, first, err)
	}
}

// raw is a handler that escapes nothing.
type raw struct {
	slog.Handler
	out *bytes.Buffer
}

func (h raw) WithGroup(string) slog.Handler { return h }

func (h raw) Handle(_ context.Context, r slog.Record) error {
	fmt.Fprint(h.out, r.Level, " ", r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprint(h.out, " ", a.Key, "=", a.Value); return true })
	fmt.Fprintln(h.out)
	return nil
}

func TestLog(t *testing.T) {
	line := usual.Line{Level: slog.LevelWarn, Message: "a\nb \x1b[2J\u202egnol\u2028", Attrs: []usual.Attr{{"key\r", "level=ERROR\x00é \\ \"q\""}}}
	for name, c := range map[string]struct {
		handler func(*bytes.Buffer) slog.Handler
		want    string
	}{
		"text": {func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			`level=WARN msg="a\\nb \\x1b[2J\\u202egnol\\u2028" trusted.key\r="level=ERROR\\x00é \\ \"q\""` + "\n"},
		"raw": {func(b *bytes.Buffer) slog.Handler { return raw{slog.DiscardHandler, b} },
			`WARN a\nb \x1b[2J\u202egnol\u2028 key\r=level=ERROR\x00é \ "q"` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			var mux ocall.Mux
			usual.HandleLog(&mux, slog.New(enabled{c.handler(&out)}))
			conn := ocalltest.Pipe(t, &mux, ocall.Service{usual.Log})
			if _, err := usual.Log.Call(t.Context(), conn, line); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); !strings.HasSuffix(got, c.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("%q", got)
			}
			long := usual.Line{Message: strings.Repeat("x", 5000)}
			if _, err := usual.Log.Call(t.Context(), conn, long); !errors.Is(err, ocall.ErrLimit) {
				t.Error(err)
			}
		})
	}
}

// enabled is a handler at every level.
type enabled struct{ slog.Handler }

func (enabled) Enabled(context.Context, slog.Level) bool { return true }

func (h enabled) WithGroup(name string) slog.Handler { return enabled{h.Handler.WithGroup(name)} }

// A host that keeps every line to itself does not use the connection up.
func TestLogThatNobodyWrites(t *testing.T) {
	var mux ocall.Mux
	stuck, entered := make(chan struct{}), make(chan struct{}, 100)
	usual.Log.Handle(&mux, func(context.Context, usual.Line) (ocall.None, error) {
		entered <- struct{}{}
		<-stuck
		return ocall.None{}, nil
	})
	usual.HandleClock(&mux, nil)
	conn := ocalltest.Pipe(t, &mux, ocall.Service{usual.Log, usual.TimeAsTheHostClaims})
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	defer callers.Wait()
	defer cancel()
	defer close(stuck)
	for range 100 {
		callers.Go(func() { usual.Log.Call(ctx, conn, usual.Line{}) })
	}
	for range 8 {
		<-entered
	}
	clock := usual.TimeAsTheHostClaims
	clock.Timeout = 10 * time.Second
	for _, step := range []func(){func() {}, cancel} { // who waits, and who has given up
		step()
		for range 20 {
			if _, err := clock.Call(t.Context(), conn, usual.Bounds{}); err != nil {
				t.Fatal(err)
			}
		}
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
