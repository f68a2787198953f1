package attest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// stored returns what the folder has about s, or nothing. A folder is the
// host's: what is in it is read like an answer of the source.
func (c *Cache) stored(s Subject) kept {
	if c.Dir == "" || !s.filed() {
		return kept{}
	}
	bundle, written, err := readStored(c.file(s))
	if err != nil {
		return kept{}
	}
	k, err := c.admit(s, bundle[s], written)
	if err != nil {
		return kept{}
	}
	return k
}

func readStored(name string) (Bundle, time.Time, error) {
	// Nothing of ours is a link.
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return nil, time.Time{}, errors.Join(err, os.ErrInvalid)
	}
	f, err := openRegular(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxBundleSize+1))
	if err != nil {
		return nil, time.Time{}, err
	}
	bundle, err := ParseBundle(b)
	return bundle, info.ModTime(), err
}

// store keeps found for the next start, if that is possible.
func (c *Cache) store(s Subject, found kept) {
	if c.Dir == "" || !s.filed() {
		return
	}
	b, err := Bundle{s: found.collateral}.MarshalJSON()
	if err != nil || os.MkdirAll(c.Dir, 0o700) != nil || !c.place(s) {
		return
	}
	name := c.file(s)
	if writeWhole(name, b) == nil {
		os.Chtimes(name, found.got, found.got)
	}
}

// place reports whether the folder has one more place, or s has it already.
func (c *Cache) place(s Subject) bool {
	if _, err := os.Lstat(c.file(s)); err == nil {
		return true
	}
	f, err := os.Open(c.Dir)
	if err != nil {
		return false
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries)
	return len(names) < maxEntries && (err == nil || errors.Is(err, io.EOF))
}

// writeWhole writes a file that appears whole or not at all.
func writeWhole(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (c *Cache) file(s Subject) string { return filepath.Join(c.Dir, s.key()+".json") }

// filed reports whether s has a name for a file.
func (s Subject) filed() bool {
	return (s.TEE == SGX || s.TEE == TDX) && (s.CA == "platform" || s.CA == "processor")
}
