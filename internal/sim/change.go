package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/cleave-sdk/cleave/internal/issue"
)

var errReplaced = errors.New("another machine has taken the place of this one: start again what uses it")

// change replaces the state of the machine in dir, whole or not at all. Of
// processes that do so at once, each sees what the one before it has done.
func change(dir string, f func(*state) error) error {
	d, err := openDirectory(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := d.load()
	if err != nil {
		return err
	}
	if err := f(s); err != nil {
		return err
	}
	b, err := s.encode()
	if err != nil {
		return err
	}
	return d.place(b, stateFile, d.Rename)
}

// keeper has the state as it is, which other processes change.
type keeper struct {
	dir string // absolute, or empty for a machine that is kept nowhere

	mu    sync.Mutex
	state *state
	info  fs.FileInfo // of the file that state is from, or nil
}

// change changes the state where it is kept.
func (k *keeper) change(f func(*state) error) error {
	if k.dir != "" {
		return change(k.dir, f)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := *k.state
	err := f(&s)
	if err == nil {
		k.state = &s
	}
	return err
}

// current reads the state again if its file is another.
func (k *keeper) current() (*state, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		return k.state, nil
	}
	info, err := os.Stat(filepath.Join(k.dir, stateFile))
	if err != nil {
		return nil, err
	}
	if k.info != nil && os.SameFile(info, k.info) && info.ModTime().Equal(k.info.ModTime()) {
		return k.state, nil
	}
	s, err := k.load()
	if err != nil {
		return nil, err
	}
	k.state, k.info = s, info
	return s, nil
}

func (k *keeper) load() (*state, error) {
	d, err := openDirectory(k.dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s, err := d.load()
	if err == nil && !s.Root.Certificate.c.Equal(k.state.Root.Certificate.c) {
		return nil, errReplaced
	}
	return s, err
}

// SaveRoot writes the root certificate, in PEM, into the machine's directory,
// for tools that are told of it by a file, and returns that file. A machine
// that is kept nowhere has none.
func (m *Machine) SaveRoot() (path string, err error) {
	if m.keeper.dir == "" {
		return "", fmt.Errorf("sim: %w", errNoName)
	}
	path = filepath.Join(m.keeper.dir, rootFile)
	text := issue.PEM(m.Root())
	if b, err := os.ReadFile(path); err == nil && bytes.Equal(b, text) {
		return path, nil
	}
	d, err := openDirectory(m.keeper.dir)
	if err != nil {
		return "", fmt.Errorf("sim: %w", err)
	}
	defer d.Close()
	if err := d.place(text, rootFile, d.Rename); err != nil {
		return "", fmt.Errorf("sim: %w", err)
	}
	return path, nil
}

// Reset removes the machine in dir, damaged or not, so that the next Open makes
// another. Nothing that was sealed on it opens again. A directory that is not a
// machine's, or has something else in it, is left as it is, with [ErrState].
func Reset(dir string) error {
	if dir == "" {
		return fmt.Errorf("sim: %w", errNoName)
	}
	d, err := openDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sim: %w: there is nothing to reset", err)
	}
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	defer d.Close()
	if err := d.reset(); err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	return nil
}

// reset removes the state last: until then this is a machine's directory, and
// the machine there.
func (d directory) reset() error {
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := d.checkMachine()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == stateFile {
			continue
		}
		if err := d.Remove(e.Name()); err != nil {
			return fmt.Errorf("the machine is left: %w", err)
		}
	}
	return errors.Join(d.Remove(stateFile), d.sync())
}

// checkMachine accepts a private directory with a state, in any condition, and
// nothing that could be anything else. It returns what is there.
func (d directory) checkMachine() ([]fs.DirEntry, error) {
	if err := d.claim(); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(d.FS(), ".")
	if err != nil {
		return nil, err
	}
	found := false
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return nil, d.irregular(e.Name())
		}
		found = found || e.Name() == stateFile
	}
	if !found {
		return nil, fmt.Errorf("%w: %s has no machine in it: there is nothing to reset", ErrState, d.name)
	}
	return entries, nil
}
