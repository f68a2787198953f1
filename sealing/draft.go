package sealing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Draft is new content of a [File] while it is being written. It becomes the
// content by Commit; until then it can be abandoned by Close. It is for one
// goroutine at a time.
type Draft struct {
	f    *File
	old  Version // what it is to replace, if the File has a Guard
	path string  // of the temporary file
	file diskFile
	w    *Writer
}

var errFinished = errors.New("sealing: the Draft is finished")

// Create begins new content. What other writers have begun and not committed
// is discarded.
func (f *File) Create(ctx context.Context) (*Draft, error) {
	d, err := f.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return d, nil
}

func (f *File) begin(ctx context.Context) (*Draft, error) {
	if f.Guard == nil {
		return f.create(Version{})
	}
	old, err := f.sweep(ctx)
	if err != nil {
		return nil, err
	}
	return f.create(old)
}

func (f *File) create(old Version) (*Draft, error) {
	if f.Name == "" || f.Path == "" {
		return nil, errNoName
	}
	if err := f.discardDrafts(); err != nil {
		return nil, err
	}
	path := f.Path + draftMark + rand.Text()
	file, err := f.on().Create(path)
	if err != nil {
		return nil, err
	}
	w, err := f.Sealer.newWriter(file, []byte(f.Name), old.Digest)
	d := &Draft{f, old, path, file, w}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Write seals p, as a [Writer] does.
func (d *Draft) Write(p []byte) (int, error) {
	if d.file == nil {
		return 0, errFinished
	}
	return d.w.Write(p)
}

// ReadFrom seals all of r, as a [Writer] does.
func (d *Draft) ReadFrom(r io.Reader) (int64, error) {
	if d.file == nil {
		return 0, errFinished
	}
	return d.w.ReadFrom(r)
}

// Commit makes what was written the content of the File. Errors are as for
// [File.Store]. The Draft is finished, whatever the error.
func (d *Draft) Commit(ctx context.Context) error {
	if d.file == nil {
		return errFinished
	}
	defer d.Close()
	if err := d.commit(ctx); err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	return nil
}

func (d *Draft) commit(ctx context.Context) error {
	if err := d.finish(); err != nil {
		return err
	}
	if d.f.Guard == nil {
		return d.place(d.f.Path)
	}
	latest := Version{d.old.Number + 1, d.w.blob.digest()}
	if err := d.place(d.f.at(latest)); err != nil {
		return err
	}
	return d.f.advance(ctx, d.old, latest)
}

// finish makes the temporary file complete and durable.
func (d *Draft) finish() error {
	if d.w.err != nil {
		return d.w.err
	}
	if err := d.w.finish(); err != nil {
		return err
	}
	return d.file.Sync()
}

// place gives the file its name. If it is gone, another writer removed it.
func (d *Draft) place(path string) error {
	err := d.f.on().Rename(d.path, path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: what was being written is gone", ErrConflict)
	}
	if err != nil {
		return err
	}
	return d.f.on().Sync(d.f.dir())
}

// Close abandons what was written, unless it was committed.
func (d *Draft) Close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	d.f.discard(d.path) // which is not there if it has got its name
	if err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	return nil
}

func (d *Draft) store(ctx context.Context, plaintext []byte) error {
	defer d.Close()
	if _, err := d.Write(plaintext); err != nil {
		return err
	}
	return d.Commit(ctx)
}
