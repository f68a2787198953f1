package usual

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Directory is a Store of files, one for each blob. A blob is replaced as a
// whole or not at all, also where the machine stops meanwhile. Safe for
// concurrent use.
type Directory struct{ root *os.Root }

// OpenDirectory opens a directory that exists. Nothing outside it is ever
// touched, wherever links in it lead.
func OpenDirectory(path string) (*Directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("usual: %w", err)
	}
	return &Directory{root}, nil
}

// Close closes the directory.
func (d *Directory) Close() error { return d.root.Close() }

// Get returns the content of the file.
func (d *Directory) Get(ctx context.Context, name string) ([]byte, error) {
	if !ValidName(name) {
		return nil, ErrName
	}
	b, err := d.root.ReadFile(name)
	return b, noBlob(err)
}

// Put writes a temporary file, and then gives it the name.
func (d *Directory) Put(ctx context.Context, name string, content []byte) error {
	if !ValidName(name) {
		return ErrName
	}
	draft := draftOf(name)
	if err := d.write(draft, content); err != nil {
		d.root.Remove(draft)
		return err
	}
	if err := d.root.Rename(draft, name); err != nil {
		d.root.Remove(draft)
		return err
	}
	return d.sync()
}

// write creates a file that nobody else writes, and has it on the disk.
func (d *Directory) write(name string, content []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// sync has the directory's entries on the disk.
func (d *Directory) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// List reads the whole directory, each time.
func (d *Directory) List(ctx context.Context, prefix, after string, most int) ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); e.Type().IsRegular() && ValidName(name) && name > after && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), most)], nil
}

// Delete removes the file.
func (d *Directory) Delete(ctx context.Context, name string) error {
	if !ValidName(name) {
		return ErrName
	}
	if err := d.root.Remove(name); err != nil {
		return noBlob(err)
	}
	return d.sync()
}

func noBlob(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoBlob
	}
	return err
}
