package gramine

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cleave-sdk/cleave/internal/platform"
)

// The files, and the most bytes that are read from them.
const (
	root = "/dev/attestation"

	fileType     = root + "/attestation_type"
	fileData     = root + "/user_report_data"
	fileTarget   = root + "/target_info"
	fileReport   = root + "/report"
	fileQuote    = root + "/quote"
	keyOfEnclave = root + "/keys/_sgx_mrenclave"
	keyOfSigner  = root + "/keys/_sgx_mrsigner"

	maxType  = 64
	maxQuote = 16 << 10
)

// SystemCalls are those that the files are used by, as the kernel has them.
type SystemCalls interface {
	Open(name string, flags int) (fd int, err error)
	// Device is st_dev of what is open.
	Device(fd int) (uint64, error)
	Read(fd int, b []byte) (int, error)
	Write(fd int, b []byte) (int, error)
	Close(fd int) error
}

// pseudo is the st_dev of all in Gramine's pseudo-filesystem, which is built
// into it. What is mounted from elsewhere has a hash of its URI there instead.
// Gramine itself answers fstat, so that the host has no say in it.
const pseudo = 1

// tree is /dev/attestation. Its methods need the turn.
type tree struct{ calls SystemCalls }

// check finds the directory, or says that it is absent.
func (t tree) check() error {
	fd, err := t.open(root, syscall.O_RDONLY)
	if errors.Is(err, syscall.ENOENT) {
		return platform.ErrAbsent
	}
	if err != nil {
		return err
	}
	return t.calls.Close(fd)
}

// open opens what is in the pseudo-filesystem, and nothing that was mounted
// over it.
func (t tree) open(name string, flags int) (fd int, err error) {
	fd, err = t.calls.Open(name, flags|syscall.O_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	device, err := t.calls.Device(fd)
	if err == nil && device != pseudo {
		err = errNotPseudo
	}
	if err != nil {
		t.calls.Close(fd)
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return fd, nil
}

// read reads a whole file of at most limit bytes. What is in it is decided
// when it is opened.
func (t tree) read(name string, limit int) ([]byte, error) {
	fd, err := t.open(name, syscall.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer t.calls.Close(fd)
	b := make([]byte, limit+1)
	read := 0
	for read < len(b) {
		n, err := t.calls.Read(fd, b[read:])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if n == 0 {
			return b[:read], nil
		}
		read += n
	}
	return nil, fmt.Errorf("%s: it has more than %d bytes", name, limit)
}

// write replaces what is in a file. Every write does: there can be only one.
func (t tree) write(name string, b []byte) error {
	fd, err := t.open(name, syscall.O_WRONLY)
	if err != nil {
		return err
	}
	defer t.calls.Close(fd)
	n, err := t.calls.Write(fd, b)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if n != len(b) {
		return fmt.Errorf("%s: %d of %d bytes are taken", name, n, len(b))
	}
	return nil
}
