package doctor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"
)

// Node is where the checks look. Here returns this one; tests make theirs up.
// No field is optional unless it says so.
type Node struct {
	Files fs.FS                            // the root directory
	Stat  func(name string) (Entry, error) // by names as in Files
	Open  func(name string) error          // for reading and writing, and closes it again
	Env   func(name string) (value string, set bool)

	UID    int
	Groups []int // this process's, its first included

	// AESM asks the service at a socket for its quoting enclave, and returns
	// how long that took.
	AESM func(ctx context.Context, socket string) (time.Duration, error)
	// HTTP asks services for collateral. Insecure, which takes any
	// certificate, does where the configuration says so.
	HTTP, Insecure *http.Client
	// EGo returns what `ego version` or the like prints.
	EGo func(context.Context) (string, error)
	Now func() time.Time

	// FMSPC is the kind of CPU whose TCB info is asked for, in hexadecimal. If
	// empty, none: only a quote says what this CPU is.
	FMSPC string
}

// Entry is what is known of a file without opening it.
type Entry struct {
	Mode     fs.FileMode
	UID, GID int // -1 where there is no such thing
}

// maxFile is more than any file has that is of interest here.
const maxFile = 1 << 20

var errIrregular = errors.New("it is not a regular file, and reading it might never end: put one there")

// read returns the beginning of a file.
func (n *Node) read(name string) ([]byte, error) {
	if e, err := n.Stat(name); err != nil {
		return nil, err
	} else if !e.Mode.IsRegular() {
		return nil, errIrregular
	}
	f, err := n.Files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

func (n *Node) exists(name string) bool {
	_, err := n.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// first returns the first name that exists.
func (n *Node) first(names ...string) (string, bool) {
	for _, name := range names {
		if n.exists(name) {
			return name, true
		}
	}
	return "", false
}
