package usual

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// draftPrefix begins no name of a blob.
const draftPrefix = ".draft-"

// draftOf is the name of a file that will become name. Drafts that a crash has
// left show what they were for.
func draftOf(name string) string {
	const most = 64 // of name: file names have at most 255 bytes
	return draftPrefix + rand.Text() + "-" + name[:min(len(name), most)]
}

// sweep removes what is left of blobs that were being written.
func (d *Directory) sweep() {
	d.each(context.Background(), func(e fs.DirEntry) {
		if strings.HasPrefix(e.Name(), draftPrefix) && e.Type().IsRegular() {
			d.root.Remove(e.Name()) // what stays is not listed
		}
	})
}

// disk is what it takes to replace a file.
type disk interface {
	Create(name string) (draft, error) // one that nobody else writes
	Rename(draft, name string) error
	Remove(name string) error
	Sync() error // has the names on the disk
}

type draft interface {
	io.WriteCloser
	Sync() error // has the content on the disk
}

// replace has the content on the disk before it has the name, and the name
// before it returns.
func replace(d disk, name string, content []byte) error {
	draft := draftOf(name)
	err := write(d, draft, content)
	if err == nil {
		err = d.Rename(draft, name)
	}
	if err != nil {
		d.Remove(draft)
		return err
	}
	return d.Sync()
}

func write(d disk, name string, content []byte) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// place is a Directory as a disk.
type place struct{ *Directory }

func (p place) Create(name string) (draft, error) {
	return p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (p place) Rename(draft, name string) error {
	p.names.Lock()
	defer p.names.Unlock()
	return p.root.Rename(draft, name)
}

func (p place) Remove(name string) error { return p.root.Remove(name) }
func (p place) Sync() error              { return syncEntries(p.entries) }
