package sealing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// File is a sealed file on a disk the enclave does not trust. It is written as
// a whole or not at all: whenever the process or the machine stops, what is
// there afterwards is the old content or the new one.
//
// Without a Guard the file is at Path, and the host may put an older version of
// it there, which nobody notices. With one the versions are at Path and a dot
// and 32 hexadecimal digits, usually one of them, and the one that opens is the
// one that the Guard knows as the latest.
//
// A File has one writer at a time: what another is in the middle of writing,
// and has not yet committed, is discarded when a writer begins, as is what a
// killed process left behind. Any number may read.
type File struct {
	// Path is where the file is. Names that start with it and a dot are the
	// File's too, if what follows is of its making.
	Path string

	// Name is what the file is, such as "database key". It is the additional
	// data, so that the host cannot pass off one file for another, and the name
	// under which the Guard knows the file. It must not be empty, and no two
	// Files that share a Guard have the same.
	Name string

	// Sealer seals and opens.
	Sealer *Sealer

	// Guard remembers the latest version. If nil, the host may bring back any
	// older one.
	Guard Guard

	disk disk
}

var (
	errNoName  = errors.New("a File needs a Path and a Name")
	errGuarded = errors.New("only a File with a Guard is initialised; one without is just stored")
)

// Store replaces the content by plaintext. Afterwards it is durable, and with
// a Guard it is the only version that opens.
//
// After an error the content is the old one or the new one, and a host can leave
// that open: a Load that shows the old one does not settle it, the next Store that
// succeeds does. An error that wraps [ErrConflict] says that another writer was at
// work.
func (f *File) Store(ctx context.Context, plaintext []byte) error {
	d, err := f.Create(ctx)
	if err != nil {
		return err
	}
	return d.store(ctx, plaintext)
}

// Init makes the Guard's first entry of the name, with plaintext as content.
// If there is one already, the error wraps [ErrConflict]: whatever is or is
// not on the disk, a name cannot be initialised twice.
func (f *File) Init(ctx context.Context, plaintext []byte) error {
	if f.Guard == nil {
		return fmt.Errorf("sealing: %w", errGuarded)
	}
	d, err := f.create(Version{})
	if err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	return d.store(ctx, plaintext)
}

// Load returns the content. It takes memory for what was sealed, whatever the
// size of the file is now.
func (f *File) Load(ctx context.Context) ([]byte, error) {
	c, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	plaintext := make([]byte, c.Size())
	if _, err := c.ReadAt(plaintext, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return plaintext, nil
}

// Reseal stores the content anew if it is [Sealer.Stale], and reports whether
// it was. Of a File without a Guard, it undoes what is stored between its
// reading and its writing, like any two who load, change and store at once; with
// one it returns an error that wraps [ErrConflict] instead.
func (f *File) Reseal(ctx context.Context) (bool, error) {
	c, err := f.Open(ctx)
	if err != nil {
		return false, err
	}
	defer c.Close()
	if !f.Sealer.Stale(c.Header()) {
		return false, nil
	}
	d, err := f.Create(ctx)
	if err != nil {
		return false, err
	}
	defer d.Close()
	if f.Guard != nil && d.old.Digest != c.Header().Digest {
		return false, fmt.Errorf("sealing: %w: the content was replaced while it was read", ErrConflict)
	}
	if _, err := io.Copy(d, c.Reader()); err != nil {
		return false, err
	}
	return true, d.Commit(ctx)
}

// Content is an open File: the version that was current when it was opened,
// even if it has been replaced since.
type Content struct {
	*ReaderAt
	file diskFile
}

// Close closes the file.
func (c *Content) Close() error { return c.file.Close() }

// Header is that of the version that is open. It is authentic.
func (c *Content) Header() Header { return c.blob.header.shown(c.blob.mac) }

// Open opens the content for reading. It verifies the header and the last
// chunk; everything else is verified when it is read.
func (f *File) Open(ctx context.Context) (*Content, error) {
	c, err := f.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return c, nil
}

func (f *File) open(ctx context.Context) (*Content, error) {
	if f.Name == "" || f.Path == "" {
		return nil, errNoName
	}
	if f.Guard == nil {
		return f.openAt(f.Path)
	}
	return f.openLatest(ctx)
}

func (f *File) openAt(path string) (*Content, error) {
	file, err := f.on().Open(path)
	if err != nil {
		return nil, err
	}
	size, err := file.Size()
	if err != nil {
		file.Close()
		return nil, err
	}
	r, err := f.Sealer.newReaderAt(file, size, []byte(f.Name))
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Content{r, file}, nil
}

func (f *File) on() disk {
	if f.disk == nil {
		return system{}
	}
	return f.disk
}

func (f *File) dir() string { return filepath.Dir(f.Path) }
