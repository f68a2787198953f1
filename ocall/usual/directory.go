package usual

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
)

// Directory is a Store of files, one for each blob. A blob is replaced as a
// whole or not at all, also where the machine stops meanwhile. Safe for
// concurrent use.
//
// What is no regular file (a directory, a link, a pipe) is not listed, and is an
// error to whoever asks for its name: it is neither followed, waited for nor
// replaced. Where the file system takes "a" and "A" for one name, so do the blobs.
type Directory struct {
	root    *os.Root
	entries *os.File // the directory itself

	// names is held while a name changes its file, and shared by who reads all
	// names: on some file systems one that changes meanwhile is not seen at all.
	names sync.RWMutex
}

// OpenDirectory opens a directory that exists. Nothing outside it is ever
// touched, wherever links in it lead. What a crash has left of blobs that were
// being written is removed, if no other Directory has it open.
func OpenDirectory(path string) (*Directory, error) {
	d, err := openDirectory(path)
	if err != nil {
		return nil, fmt.Errorf("usual: %w", err)
	}
	share(d.entries, d.sweep)
	return d, nil
}

func openDirectory(path string) (*Directory, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() { // to open a pipe as a root would wait for who writes into it
		return nil, fmt.Errorf("%s is no directory", path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	entries, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, err
	}
	return &Directory{root: root, entries: entries}, nil
}

// Close closes the directory.
func (d *Directory) Close() error { return errors.Join(d.entries.Close(), d.root.Close()) }

// Get returns the content of the file. One of more than MaxBlob bytes is not
// read, and is ErrSize.
func (d *Directory) Get(ctx context.Context, name string) ([]byte, error) {
	if err := d.regular(name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|nonblocking, 0)
	if err != nil {
		return nil, noBlob(err)
	}
	defer f.Close()
	return read(f)
}

func read(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // it has changed since it was looked at
		return nil, errNoFile
	}
	if info.Size() > MaxBlob {
		return nil, ErrSize
	}
	b := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(f, MaxBlob+1)); err != nil {
		return nil, err
	}
	if b.Len() > MaxBlob {
		return nil, ErrSize
	}
	return b.Bytes(), nil
}

// Put writes a temporary file, and then gives it the name. After an error the
// older blob is there, unless all that failed is to have the name on the disk.
func (d *Directory) Put(ctx context.Context, name string, content []byte) error {
	if err := d.regular(name); err != nil && err != ErrNoBlob {
		return err
	}
	if len(content) > MaxBlob {
		return ErrSize
	}
	return replace(place{d}, name, content)
}

// List reads the whole directory, each time.
func (d *Directory) List(ctx context.Context, prefix, after string, most int) ([]string, error) {
	var names []string
	d.names.RLock()
	defer d.names.RUnlock()
	err := d.each(ctx, func(e fs.DirEntry) {
		if name := e.Name(); e.Type().IsRegular() && ValidName(name) && name > after && strings.HasPrefix(name, prefix) {
			if names = append(names, name); len(names) >= 2*most+enough {
				names = first(names, most)
			}
		}
	})
	return first(names, most), err
}

// enough names are read at once.
const enough = 1024

// each has f see every entry, in no order.
func (d *Directory) each(ctx context.Context, f func(fs.DirEntry)) error {
	dir, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	for ctx.Err() == nil {
		entries, err := dir.ReadDir(enough)
		for _, e := range entries {
			f(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// first are so many names, in order.
func first(names []string, most int) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), max(most, 0))]
}

// Delete removes the file.
func (d *Directory) Delete(ctx context.Context, name string) error {
	if err := d.regular(name); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil {
		return noBlob(err)
	}
	return syncEntries(d.entries)
}

var errNoFile = errors.New("in the directory of blobs, what has that name is no file: move it away")

// regular returns an error unless name is of a regular file.
func (d *Directory) regular(name string) error {
	if !ValidName(name) {
		return ErrName
	}
	info, err := d.root.Lstat(name)
	if err != nil {
		return noBlob(err)
	}
	if !info.Mode().IsRegular() {
		return errNoFile
	}
	return nil
}

func noBlob(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoBlob
	}
	return err
}
