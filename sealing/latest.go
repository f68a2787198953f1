package sealing

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Names of a File's files are those of Path and one of these.
const (
	draftMark  = ".draft-"
	draftText  = 26 // characters of rand.Text
	digestText = 32 // hexadecimal digits: half of a digest, the Guard has the whole
)

func (f *File) at(v Version) string {
	return filepath.Clean(f.Path + "." + hex.EncodeToString(v.Digest[:digestText/2]))
}

// openLatest opens the Guard's version, or one that directly follows it. The
// Guard may move on meanwhile, and then it is looked at again: each time
// somebody's write has succeeded.
func (f *File) openLatest(ctx context.Context) (*Content, error) {
	current, err := f.current(ctx)
	for err == nil {
		var c *Content
		c, err = f.openVersion(ctx, current)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		latest, again := f.current(ctx)
		if again != nil || latest == current {
			return nil, err
		}
		current, err = latest, nil
	}
	return nil, err
}

func (f *File) current(ctx context.Context) (Version, error) {
	v, err := f.Guard.Current(ctx, f.Name)
	if err != nil {
		return Version{}, fmt.Errorf("asking the guard: %w", err)
	}
	if v == (Version{}) {
		return v, ErrNoEntry
	}
	return v, nil
}

func (f *File) openVersion(ctx context.Context, current Version) (*Content, error) {
	c, err := f.openAt(f.at(current))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.openSuccessor(ctx, current)
	case err != nil:
		return nil, err
	case c.blob.digest() != current.Digest:
		c.Close()
		return f.openSuccessor(ctx, current)
	}
	return c, nil
}

// openSuccessor opens a version that follows the current one, of which nothing
// is there, and has the Guard advance to it before anybody sees its content.
// It opens before that: a forged header must not become the latest version.
func (f *File) openSuccessor(ctx context.Context, current Version) (*Content, error) {
	paths, err := f.versions()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if h, ok := f.header(path); !ok || h.Predecessor != current.Digest {
			continue
		}
		c, err := f.openAt(path)
		if err != nil {
			continue
		}
		latest := Version{current.Number + 1, c.blob.digest()}
		if c.blob.header.predecessor != current.Digest || f.at(latest) != path {
			c.Close()
			continue
		}
		if err := f.Guard.Advance(ctx, f.Name, current, latest); err != nil {
			c.Close()
			return nil, fmt.Errorf("advancing the guard: %w", err)
		}
		return c, nil
	}
	return nil, ErrRolledBack
}

// advance is the step that makes a durable file the latest version. Then, and
// not before, the old one is removed.
func (f *File) advance(ctx context.Context, old, latest Version) error {
	err := f.Guard.Advance(ctx, f.Name, old, latest)
	if errors.Is(err, ErrConflict) {
		// A guard that has lost its answer and asked again conflicts with itself.
		if current, again := f.Guard.Current(ctx, f.Name); again != nil || current == latest {
			err = again
		}
	}
	switch {
	case errors.Is(err, ErrConflict):
		f.discard(f.at(latest))
		return err
	case err != nil:
		return fmt.Errorf("advancing the guard: %w", err)
	}
	f.discard(f.at(old))
	return nil
}

// sweep returns the Guard's version, and removes what can never be it again:
// every version that is neither it nor follows it. What it is about to remove
// was there before the Guard was asked, so that it cannot belong to a version
// that somebody has since written.
func (f *File) sweep(ctx context.Context) (Version, error) {
	paths, err := f.versions()
	if err != nil {
		return Version{}, err
	}
	current, err := f.current(ctx)
	if err != nil {
		return Version{}, err
	}
	for _, path := range paths {
		if h, ok := f.header(path); ok && h.Digest != current.Digest && h.Predecessor != current.Digest {
			f.discard(path)
		}
	}
	return current, nil
}

// header reads what a file says of itself, for a first look.
func (f *File) header(path string) (Header, bool) {
	file, err := f.on().Open(path)
	if err != nil {
		return Header{}, false
	}
	defer file.Close()
	lead := make([]byte, LeadSize)
	if _, err := file.ReadAt(lead, 0); err != nil && err != io.EOF {
		return Header{}, false
	}
	h, err := Info(lead)
	return h, err == nil
}

// discardDrafts removes what other writers have not committed.
func (f *File) discardDrafts() error {
	paths, err := f.named(func(rest string) bool {
		mark, ok := strings.CutPrefix(rest, draftMark)
		return ok && len(mark) == draftText
	})
	for _, path := range paths {
		f.discard(path)
	}
	return err
}

// discard removes a file that is of no more use. If that fails, the next writer
// tries again.
func (f *File) discard(path string) { _ = f.on().Remove(path) }

// versions are the paths of all that may be a version of the File.
func (f *File) versions() ([]string, error) {
	return f.named(func(rest string) bool {
		_, err := hex.DecodeString(rest[1:])
		return rest[0] == '.' && len(rest) == 1+digestText && err == nil
	})
}

// named returns, in order, the paths that are Path and something for which is
// reports true.
func (f *File) named(is func(rest string) bool) ([]string, error) {
	base := filepath.Base(f.Path)
	names, err := f.on().List(f.dir(), func(name string) bool {
		rest, ok := strings.CutPrefix(name, base)
		return ok && rest != "" && is(rest)
	})
	for i, name := range names {
		names[i] = filepath.Join(f.dir(), name)
	}
	slices.Sort(names)
	return names, err
}
