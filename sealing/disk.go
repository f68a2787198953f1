package sealing

import (
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
)

// disk is what a File needs of a file system. Names are paths.
type disk interface {
	Create(name string) (diskFile, error) // mode 0600; there must be none yet
	Open(name string) (diskFile, error)
	Rename(from, to string) error
	Remove(name string) error
	List(dir string, want func(name string) bool) ([]string, error)
	Sync(dir string) error // makes what was renamed in dir durable
}

type diskFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	Size() (int64, error)
}

const maxNames = 1000

// system is the disk of the operating system.
type system struct{}

type systemFile struct{ *os.File }

func (system) Create(name string) (diskFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return systemFile{f}, err
}

func (system) Open(name string) (diskFile, error) {
	f, err := os.Open(name)
	return systemFile{f}, err
}

func (system) Rename(from, to string) error { return os.Rename(from, to) }

func (system) Remove(name string) error { return os.Remove(name) }

// List returns at most maxNames, so that a full directory takes no memory.
func (system) List(dir string, want func(name string) bool) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var names []string
	for err == nil && len(names) < maxNames {
		var some []string
		some, err = d.Readdirnames(maxNames)
		names = append(names, slices.DeleteFunc(some, func(name string) bool { return !want(name) })...)
	}
	if err == io.EOF {
		err = nil
	}
	return names, err
}

// Sync ignores that some file systems have no such thing: there is nothing
// else one could do to make a rename durable on them.
func (system) Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	for _, none := range []error{syscall.EINVAL, syscall.EBADF, syscall.ENOTSUP} {
		if errors.Is(err, none) {
			return nil
		}
	}
	return err
}

func (f systemFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
