// Package gramine is the platform of trusted halves that Gramine runs on SGX:
// it reads and writes the files of /dev/attestation.
//
// These files are not for several threads at once, and what they answer
// depends on what was written before. All that goes through this package takes
// turns; a program must not use them beside it.
//
// Gramine cannot interrupt these files. A context that ends while a call waits
// for its turn ends the wait; one that ends later changes nothing.
//
// It follows Gramine's source and has been run over a tree that behaves like
// it. It has not been run in Gramine, nor on SGX hardware.
package gramine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Platform is Gramine. It is safe for concurrent use.
type Platform struct {
	tree tree
	self sgx.ReportBody
	dcap bool // the manifest asks for remote attestation
}

var (
	_ platform.Platform       = (*Platform)(nil)
	_ platform.ReportVerifier = (*Platform)(nil)
)

// What Open says of places that look like Gramine on SGX and are not.
var (
	errNotPseudo = errors.New("this is not in Gramine's pseudo-filesystem: something else is mounted there; " +
		"take it out of fs.mounts in the manifest or, outside Gramine, remove it")
	errNoSGX = errors.New("this is Gramine without SGX (gramine-direct), where there is nothing to trust; use gramine-sgx")
)

// Open returns Gramine, or [platform.ErrAbsent] where there is no
// /dev/attestation.
func Open() (*Platform, error) { return OpenWith(system{}) }

// OpenWith is Open with other system calls.
func OpenWith(calls SystemCalls) (*Platform, error) {
	p := &Platform{tree: tree{calls}}
	err := p.open()
	switch {
	case errors.Is(err, platform.ErrAbsent):
		return nil, platform.ErrAbsent
	case err != nil:
		return nil, fmt.Errorf("gramine: %w", err)
	}
	return p, nil
}

func (p *Platform) open() error {
	if err := p.tree.check(); err != nil {
		return err
	}
	kind, err := p.tree.read(fileType, maxType)
	if errors.Is(err, syscall.ENOENT) {
		return errNoSGX
	}
	if err != nil {
		return err
	}
	p.dcap = string(bytes.TrimRight(kind, "\n")) == "dcap"
	report, err := p.report(context.Background(), sgx.TargetInfo{}, [64]byte{})
	if err != nil {
		return err
	}
	if report.Body.MRENCLAVE == [32]byte{} {
		return errors.New("the report says that this enclave's measurement is zero")
	}
	p.self = report.Body
	return nil
}

// Name returns "Gramine".
func (p *Platform) Name() string { return "Gramine" }
