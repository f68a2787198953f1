package manifest

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cleave-sdk/cleave/internal/nowait"
)

var errIrregular = errors.New("is no regular file")

// openRegular opens a file of at most limit bytes and says how many it has.
// Whoever has named it may have named a pipe that nobody writes into, or a
// device without an end: what is read is what it has now, and no more.
func openRegular(path string, limit int64) (f *os.File, size int64, err error) {
	f, err = nowait.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a directory; name a file", path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s %w, but a pipe or a device; name a file", path, errIrregular)
	case info.Size() > limit:
		err = fmt.Errorf("%s has more than the %d bytes there is room for", path, limit)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// read reads a file of at most limit bytes.
func read(path string, limit int64) ([]byte, error) {
	f, size, err := openRegular(path, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s was cut while it was read: %w", path, err)
	}
	return data, nil
}
