package etcdguard_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/cleave-sdk/cleave/sealing"
	"github.com/cleave-sdk/cleave/sealing/etcdguard"
)

func newGuard(t testing.TB, s *server, t2 *tls.Config) *etcdguard.Guard {
	t.Helper()
	g, err := etcdguard.New(etcdguard.Config{Endpoints: []string{s.url}, TLS: t2, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func version(n uint64) sealing.Version {
	return sealing.Version{Number: n, Digest: sha256.Sum256([]byte{byte(n)})}
}

func TestGuard(t *testing.T) {
	ctx, s := t.Context(), newServer(t)
	g := newGuard(t, s, s.authority.client(t))
	want := func(name string, v sealing.Version) {
		t.Helper()
		if got, err := g.Current(ctx, name); got != v || err != nil {
			t.Errorf("%s has %v, %v; want %v", name, got, err, v)
		}
	}
	steps := []struct {
		name     string
		old, new sealing.Version
		conflict bool
	}{
		{"a", version(1), version(2), true}, // there is nothing yet
		{"a", sealing.Version{}, version(1), false},
		{"a", sealing.Version{}, version(1), true}, // not twice
		{"a", sealing.Version{}, version(2), true},
		{"a", version(1), version(2), false},
		{"a", version(1), version(2), true},                                            // nor from the same one
		{"a", version(1), version(3), true},                                            // two successors
		{"a", sealing.Version{Number: 2}, version(3), true},                            // only the number
		{"a", sealing.Version{Number: 1, Digest: version(2).Digest}, version(3), true}, // only the digest
		{"b", sealing.Version{}, version(7), false},
		{"a", version(2), version(3), false},
	}
	current := map[string]sealing.Version{}
	for i, step := range steps {
		err := g.Advance(ctx, step.name, step.old, step.new)
		if errors.Is(err, sealing.ErrConflict) != step.conflict || !step.conflict && err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		if !step.conflict {
			current[step.name] = step.new
		}
		want("a", current["a"])
		want("b", current["b"])
	}
	s.stop()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := g.Current(short, "a"); err == nil {
		t.Error("nobody answers, and there is no error")
	}
	if err := g.Advance(short, "a", version(3), version(4)); err == nil || errors.Is(err, sealing.ErrConflict) {
		t.Errorf("nobody answers: %v", err)
	}
	s.start(t)
	want("a", version(3))
}

// Only who the authority vouches for is believed, and may write.
func TestAttackInTheMiddle(t *testing.T) {
	ctx, s := t.Context(), newServer(t)
	own := s.authority.client(t)
	others := newAuthority(t).client(t)
	for name, c := range map[string]*tls.Config{
		"another's etcd":   {RootCAs: others.RootCAs, Certificates: own.Certificates},
		"another's client": {RootCAs: own.RootCAs, Certificates: others.Certificates},
	} {
		g, err := etcdguard.New(etcdguard.Config{Endpoints: []string{s.url}, TLS: c, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Advance(ctx, "name", sealing.Version{}, version(1)); err == nil {
			t.Errorf("%s: advanced", name)
		}
		if v, err := g.Current(ctx, "name"); err == nil {
			t.Errorf("%s: %v", name, v)
		}
		g.Close()
	}
	if v, err := newGuard(t, s, own).Current(ctx, "name"); v != (sealing.Version{}) || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

func TestConfigIsNotWeak(t *testing.T) {
	good := newAuthority(t).client(t)
	change := func(f func(*tls.Config)) *tls.Config {
		c := good.Clone()
		f(c)
		return c
	}
	one := []string{"https://127.0.0.1:1"}
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]etcdguard.Config{
		"zero":                  {},
		"no endpoint":           {TLS: good},
		"no TLS":                {Endpoints: one},
		"http":                  {Endpoints: []string{"http://127.0.0.1:1"}, TLS: good},
		"http too":              {Endpoints: []string{one[0], "http://127.0.0.1:1"}, TLS: good},
		"no scheme":             {Endpoints: []string{"127.0.0.1:1"}, TLS: good},
		"unix":                  {Endpoints: []string{"unix:///tmp/etcd"}, TLS: good},
		"the system's roots":    {Endpoints: one, TLS: change(func(c *tls.Config) { c.RootCAs = nil })},
		"the host's roots":      {Endpoints: one, TLS: change(func(c *tls.Config) { c.RootCAs = system })},
		"empty roots":           {Endpoints: one, TLS: change(func(c *tls.Config) { c.RootCAs = x509.NewCertPool() })},
		"empty certificate":     {Endpoints: one, TLS: change(func(c *tls.Config) { c.Certificates = make([]tls.Certificate, 1) })},
		"no host":               {Endpoints: []string{"https://"}, TLS: good},
		"two in one":            {Endpoints: []string{"https://a,http://b"}, TLS: good},
		"not verified":          {Endpoints: one, TLS: change(func(c *tls.Config) { c.InsecureSkipVerify = true })},
		"no client certificate": {Endpoints: one, TLS: change(func(c *tls.Config) { c.Certificates = nil })},
	} {
		if g, err := etcdguard.New(c); g != nil || err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	before := good.MinVersion
	g, err := etcdguard.New(etcdguard.Config{Endpoints: one, TLS: good})
	if err != nil || g.Close() != nil || good.MinVersion != before {
		t.Errorf("%v, or the configuration was changed", err)
	}
}

// What is not an entry is no reason to believe that there is none.
func TestAttackForeignEntries(t *testing.T) {
	ctx, s := t.Context(), newServer(t)
	c := s.authority.client(t)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{s.url}, TLS: c, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	g := newGuard(t, s, c)
	for _, entry := range []string{"", " ", "1", "garbage", "0 " + digits(64), "01 " + digits(64), "1 " + digits(62), "1  " + digits(64), "1 " + digits(64) + "\n", "-1 " + digits(64), "1 " + digits(63) + "A"} {
		if _, err := client.Put(ctx, "cleave/sealing/name", entry); err != nil {
			t.Fatal(err)
		}
		if v, err := g.Current(ctx, "name"); err == nil || v != (sealing.Version{}) {
			t.Errorf("%q is %v", entry, v)
		}
		if err := g.Advance(ctx, "name", sealing.Version{}, version(1)); !errors.Is(err, sealing.ErrConflict) {
			t.Errorf("%q was overwritten: %v", entry, err)
		}
	}
	if _, err := client.Put(ctx, "cleave/sealing/name", "1 "+digits(64)); err != nil {
		t.Fatal(err)
	}
	if v, err := g.Current(ctx, "name"); err != nil || v.Number != 1 {
		t.Errorf("%v, %v", v, err)
	}
}

func digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}

// keys are as a CPU's, for these tests alone.
type keys struct{}

func (keys) Level() sealing.Level { return sealing.Level{Source: sealing.SourceCPU, SVN: 1} }

func (keys) SealingKey(r sealing.KeyRequest) (key [16]byte, err error) {
	sum := sha256.Sum256(append(r.KeyID[:], byte(r.Binding)))
	return [16]byte(sum[:]), nil
}

func newFile(t testing.TB, g sealing.Guard) *sealing.File {
	return &sealing.File{Path: filepath.Join(t.TempDir(), "secret"), Name: "a file", Sealer: sealing.New(keys{}, sealing.ToSigner), Guard: g}
}

func TestFile(t *testing.T) {
	ctx, s := t.Context(), newServer(t)
	c := s.authority.client(t)
	a, b := newFile(t, newGuard(t, s, c)), newFile(t, newGuard(t, s, c))
	b.Path = a.Path
	if _, err := a.Load(ctx); !errors.Is(err, sealing.ErrNoEntry) {
		t.Errorf("without an entry: %v", err)
	}
	if err := a.Init(ctx, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := b.Init(ctx, []byte("first")); !errors.Is(err, sealing.ErrConflict) {
		t.Errorf("initialised twice: %v", err)
	}
	old, err := filepath.Glob(a.Path + ".*")
	if err != nil || len(old) != 1 {
		t.Fatal(old, err)
	}
	blob, err := os.ReadFile(old[0])
	if err != nil {
		t.Fatal(err)
	}
	d, err := a.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(d, "second of a"); err != nil {
		t.Fatal(err)
	}
	b.Path = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(b.Path+old[0][len(a.Path):], blob, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Store(ctx, []byte("second of b")); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(ctx); !errors.Is(err, sealing.ErrConflict) {
		t.Errorf("two successors: %v", err)
	}
	if got, err := b.Load(ctx); string(got) != "second of b" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := a.Load(ctx); got != nil || !errors.Is(err, sealing.ErrRolledBack) {
		t.Errorf("the old version: %q, %v", got, err)
	}
	s.stop()
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if got, err := b.Load(short); got != nil || err == nil {
		t.Errorf("without a guard that answers: %q", got)
	}
}
