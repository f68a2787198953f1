package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/deploy"
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

	// Subject is the kind of CPU whose collateral is asked for, for SGX. If its
	// FMSPC is zero, that of the certificate which the quote provider has kept
	// or, without one, that of most CPUs of this model.
	Subject attest.Subject
	// Quote is of a CPU of that kind, and is verified. If nil, none is.
	Quote []byte
	// Enclave is the trusted half that is to run here. If nil, none in
	// particular.
	Enclave *deploy.Half

	root  *x509.Certificate // if nil, Intel's
	asked func() *inquiry   // asks the collateral service, once
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
func (n *Node) read(name string) ([]byte, error) { return n.readUpTo(name, maxFile) }

func (n *Node) readUpTo(name string, most int64) ([]byte, error) {
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
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() { // it may be another by now
		return nil, cmp.Or(err, errIrregular)
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// exists counts what may not be looked at.
func (n *Node) exists(name string) bool {
	_, err := n.Stat(name)
	return err == nil || errors.Is(err, fs.ErrPermission)
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

// inPod reports whether Kubernetes has started this process.
func (n *Node) inPod() bool {
	_, set := n.Env("KUBERNETES_SERVICE_HOST")
	return set
}

// pod is this pod's name, by which kubectl finds it, or a word in its place.
func (n *Node) pod() string {
	name, _ := n.Env("HOSTNAME")
	return label(name, "POD")
}
