package sim

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrState is in the chain of errors of Open that say what is wrong with the
// directory and what to do about it.
var ErrState = errors.New("unusable state directory")

const (
	stateFile  = "machine.json"
	rootFile   = "root.pem"
	tempPrefix = ".new-"
	maxState   = 1 << 20
)

var errNoName = fmt.Errorf("%w: no name given", ErrState)

func openState(dir string) (*state, error) {
	if dir == "" {
		return nil, errNoName
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d, err := openDirectory(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s, err := d.load()
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err := d.create(); err != nil {
		return nil, err
	}
	return d.load()
}

// directory holds the state. It was opened once, so that what is checked is
// what is used.
type directory struct {
	*os.Root
	name string
}

func openDirectory(dir string) (directory, error) {
	root, err := os.OpenRoot(dir)
	return directory{root, dir}, err
}

func (d directory) load() (*state, error) {
	// To open a pipe would be to wait for somebody who writes into it.
	if info, err := d.Lstat(stateFile); err == nil && !info.Mode().IsRegular() {
		return nil, d.irregular(stateFile)
	}
	f, err := d.Open(stateFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	path := filepath.Join(d.name, stateFile)
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := checkPrivate(path, f, 0o600); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return nil, err
	}
	return decodeFile(path, b)
}

func decodeFile(path string, b []byte) (*state, error) {
	s, err := decodeState(b)
	switch {
	case errors.Is(err, errNewer):
		return nil, fmt.Errorf("%w: %s %w: use that version, or another directory", ErrState, path, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %s %w: restore it, or remove it for a new machine, which cannot open what this one has sealed", ErrState, path, err)
	}
	return s, nil
}

// irregular is the error of a link, a pipe or a directory where there should be
// one of the machine's files.
func (d directory) irregular(name string) error {
	return fmt.Errorf("%w: %s is not a regular file: put the machine's own there, or name another directory", ErrState, filepath.Join(d.name, name))
}

func (d directory) check() error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return checkPrivate(d.name, f, fs.ModeDir|0o700)
}

// checkPrivate refuses what others may have read or written.
func checkPrivate(path string, f *os.File, want fs.FileMode) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if owner, foreign := foreignOwner(info); foreign {
		return fmt.Errorf("%w: %s belongs to user %d, not to you: name a directory of your own", ErrState, path, owner)
	}
	if info.Mode().Type() != want.Type() {
		return fmt.Errorf("%w: %s is not a file: name another directory", ErrState, path)
	}
	if mode := info.Mode().Perm(); mode&^want.Perm() != 0 {
		return fmt.Errorf("%w: %s is open to others (mode %#o): if none has used it, make that %#o", ErrState, path, mode, want.Perm())
	}
	return nil
}

// create writes a new state beside its place and links it there, so that it is
// there whole or not at all, and the first of several processes wins. A link,
// unlike a rename of the directory, also works where dir is a mount.
func (d directory) create() error {
	if err := d.claim(); err != nil {
		return err
	}
	s, err := newState(time.Now())
	if err != nil {
		return err
	}
	b, err := s.encode()
	if err != nil {
		return err
	}
	if err := d.place(b, stateFile, d.Link); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// place writes a file beside its place before it moves it there, and sees it
// on the disk.
func (d directory) place(b []byte, name string, move func(from, to string) error) error {
	temp, err := d.writeTemp(b)
	if err != nil {
		return err
	}
	defer d.Remove(temp) // unless it was renamed
	if err := move(temp, name); err != nil {
		return err
	}
	return d.sync()
}

// claim accepts a private empty directory. One with contents is somebody's, and
// no place for keys.
func (d directory) claim() error {
	if err := d.check(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(d.FS(), ".")
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, foreign) {
		return fmt.Errorf("%w: %s has other files in it: name a new or empty directory", ErrState, d.name)
	}
	return nil
}

func foreign(e fs.DirEntry) bool {
	return e.Name() != stateFile && e.Name() != rootFile && !strings.HasPrefix(e.Name(), tempPrefix)
}

func (d directory) writeTemp(b []byte) (name string, err error) {
	name = tempPrefix + rand.Text()
	f, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		d.Remove(name)
		return "", err
	}
	return name, nil
}

func (d directory) sync() error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
