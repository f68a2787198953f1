package attest_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// restart replaces the cache by one that has the folder and nothing else.
func (s *scene) restart(dir string) { s.cache = &attest.Cache{Source: s.depot, Dir: dir} }

func TestCacheDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	stage(t, func(s *scene) {
		s.restart(dir)
		first := s.get()
		s.close(errClosed)
		s.restart(dir)
		if !same(s.get(), first) {
			t.Error("another one")
		}
		s.asked(1)

		// Its age is that of the answer, not of the start.
		time.Sleep(day)
		s.restart(dir)
		s.get()
		s.asked(1)
		s.get() // has begun a refresh
		s.asked(2)

		time.Sleep(30 * day)
		s.restart(dir)
		s.refused(errClosed)
		s.restart(dir)
		s.cache.Grace = 10 * day
		if !same(s.get(), first) {
			t.Error("not within the grace")
		}

		s.close(nil)
		second := s.publish(30*day, 22)
		s.restart(dir)
		s.get()
		s.close(errClosed)
		s.restart(dir)
		if !same(s.get(), second) {
			t.Error("not replaced")
		}
	})
	if runtime.GOOS != "windows" {
		mode(t, dir, 0o700)
		mode(t, filepath.Join(dir, "sgx-000000000001-platform.json"), 0o600)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func mode(t *testing.T, name string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	check(t, err)
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %v; want %v", name, info.Mode().Perm(), want)
	}
}

// TestCacheDirIsNotTrusted: what is in the folder costs one question at most.
func TestCacheDirIsNotTrusted(t *testing.T) {
	tests := map[string]func(s *scene, name string) error{
		"empty":            func(s *scene, name string) error { return os.WriteFile(name, nil, 0o600) },
		"cut off":          func(s *scene, name string) error { return os.Truncate(name, 100) },
		"huge":             func(s *scene, name string) error { return os.Truncate(name, 1<<40) },
		"another platform": func(s *scene, name string) error { return s.write(name, s.subject, s.press.month(s, numbered(2))) },
		"another label":    func(s *scene, name string) error { return s.write(name, numbered(2), s.press.month(s, s.subject)) },
		"a folder":         func(s *scene, name string) error { return remade(name, func() error { return os.Mkdir(name, 0o700) }) },
		"a link": func(s *scene, name string) error {
			return remade(name, func() error { return os.Symlink("/dev/zero", name) })
		},
		"a link to nothing": func(s *scene, name string) error {
			return remade(name, func() error { return os.Symlink("/nonexistent/file", name) })
		},
		"removed": func(s *scene, name string) error { return os.Remove(name) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stage(t, func(s *scene) {
				s.restart(dir)
				s.get()
				check(t, spoil(s, filepath.Join(dir, "sgx-000000000001-platform.json")))
				s.restart(dir)
				s.get()
				s.asked(2)
			})
		})
	}
}

func remade(name string, f func() error) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return f()
}

func (s *scene) write(name string, subject attest.Subject, c *attest.Collateral) error {
	b, err := attest.Bundle{subject: c}.MarshalJSON()
	check(s, err)
	return os.WriteFile(name, b, 0o600)
}

// TestCacheDirDates: a file from the future is of an unknown age.
func TestCacheDirDates(t *testing.T) {
	dir := t.TempDir()
	stage(t, func(s *scene) {
		s.restart(dir)
		s.get()
		future := time.Now().AddDate(5, 0, 0)
		check(t, os.Chtimes(filepath.Join(dir, "sgx-000000000001-platform.json"), future, future))
		s.restart(dir)
		s.get()
		s.asked(1)
		s.get()
		s.asked(2)
		s.get()
		s.asked(2)
	})
}

// TestCacheDirLies: a lie on the disk is found out like one of the source.
func TestCacheDirLies(t *testing.T) {
	dir := t.TempDir()
	stage(t, func(s *scene) {
		s.restart(dir)
		good := s.get()
		lie := *good
		lie.TCBInfo = bytes.Replace(lie.TCBInfo, []byte("UpToDate"), []byte("OutOfDate"), 1)
		name := filepath.Join(dir, "sgx-000000000001-platform.json")
		check(t, s.write(name, s.subject, &lie))
		past := time.Now().Add(-time.Hour)
		check(t, os.Chtimes(name, past, past))
		s.restart(dir)
		bad := s.get()
		if same(bad, good) {
			t.Fatal("the file was not read")
		}
		if got := s.renewed(bad); got == nil || !same(got, good) {
			t.Error("not renewed")
		}
		s.restart(dir)
		if !same(s.get(), good) {
			t.Error("the lie is still there")
		}
		s.asked(2)
	})
}

// TestCacheDirIsBounded, and what cannot be kept is no error.
func TestCacheDirIsBounded(t *testing.T) {
	dir := t.TempDir()
	for n := range 255 {
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), nil, 0o600))
	}
	stage(t, func(s *scene) {
		s.restart(dir)
		s.get()
		other := numbered(2)
		s.depot.has[other] = s.press.month(s, other)
		_, err := s.cache.Collateral(s.Context(), other)
		check(t, err)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 256 {
			t.Errorf("%d files, %v", len(entries), err)
		}
		time.Sleep(day)
		second := s.publish(30*day, 22)
		s.get()
		s.restart(dir)
		if !same(s.get(), second) {
			t.Error("what is there is not replaced")
		}
		s.restart(filepath.Join(dir, "0", "below a file"))
		s.get()
	})
}

// TestCacheDirNames: a CA is no path.
func TestCacheDirNames(t *testing.T) {
	dir := t.TempDir()
	for _, ca := range []string{"", "../../x", "platform/../x", strings.Repeat("x", 1000)} {
		synctest.Test(t, func(t *testing.T) {
			p, d, s := newPress(t), newDepot(), attest.Subject{CA: ca}
			d.has[s] = p.month(t, s)
			cache := &attest.Cache{Source: d, Dir: filepath.Join(dir, "x", "y")}
			_, err := cache.Collateral(t.Context(), s)
			check(t, err)
		})
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
