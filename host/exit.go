package host

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
)

// Why a trusted half cannot run here at all, however often it is launched.
var (
	// ErrNoEGo is that of Launch where there is no ego command.
	ErrNoEGo = errors.New("EGo is not installed")
	// ErrNoSGX is that of Wait where EGo finds no SGX, or not all it needs of
	// it.
	ErrNoSGX = errors.New("SGX is not to be had here")
	// ErrNotSigned is that of Wait for an executable that is not as ego-go
	// build and ego sign have made it.
	ErrNotSigned = errors.New("the executable is not a signed enclave")
)

// ExitError is how a trusted half ended, if not with status 0. It may be
// launched again, by the same Config, unless the error is one of [ErrNoSGX]
// and [ErrNotSigned] too: nothing of the one that ended is left.
type ExitError struct {
	// Status is that it exited with, or -1 if a signal ended it. EGo gives
	// the number of a signal that ended an enclave as status: 11 is one that
	// crashed, or has chosen that status.
	Status int
	// Signal ended it, or is zero.
	Signal syscall.Signal
	// Reason is why EGo could not start it and what to do about it, as far as
	// what EGo has printed tells, or nil.
	Reason error

	cause error
}

// Code is the status that a shell would have for it: for a signal, 128 and its
// number.
func (e *ExitError) Code() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Status
}

func (e *ExitError) Error() string {
	switch {
	case e.Reason != nil:
		return fmt.Sprintf("host: EGo could not start the trusted half: %v", e.Reason)
	case e.Signal != 0:
		return fmt.Sprintf("host: the trusted half was ended by a signal: %v", e.Signal)
	}
	return fmt.Sprintf("host: the trusted half exited with status %d", e.Status)
}

// Unwrap returns Reason, if there is one, and the [*exec.ExitError].
func (e *ExitError) Unwrap() []error {
	if e.Reason != nil {
		return []error{e.Reason, e.cause}
	}
	return []error{e.cause}
}

// ended makes an ExitError of what package os/exec says.
func ended(err error) error {
	var exit *exec.ExitError
	if _, done := err.(*ExitError); done || !errors.As(err, &exit) {
		return err
	}
	e := &ExitError{Status: exit.ExitCode(), cause: err}
	if s, ok := exit.Sys().(interface {
		Signaled() bool
		Signal() syscall.Signal
	}); ok && s.Signaled() {
		e.Signal = s.Signal()
	}
	return e
}

// reasons are what EGo and its runtime print when an enclave does not start.
var reasons = []struct {
	says string
	err  error
}{
	{"Failed to load libsgx_", fmt.Errorf("%w: its libraries are not installed; install them by sudo ego install libsgx-enclave-common, or set Simulate", ErrNoSGX)},
	{"Failed to open Intel SGX device", fmt.Errorf("%w: there is no device, or it may not be opened; install the driver, give a container /dev/sgx_enclave and /dev/sgx_provision, or set Simulate", ErrNoSGX)},
	{"enclave_initialize failed (err=0x1001)", fmt.Errorf("%w: the CPU refuses to initialise an enclave; update the BIOS, enable SGX and flexible launch control in it, or set Simulate", ErrNoSGX)},
	{"oe_sgx_is_valid_attributes failed: attributes = 0", fmt.Errorf("%w: sign it with ego sign", ErrNotSigned)},
	{"enclave_initialize failed (err=0x5)", fmt.Errorf("%w: it was changed since it was signed; sign it again with ego sign", ErrNotSigned)},
	{"ELF image is not a PIE or shared object", fmt.Errorf("%w: build it with ego-go build and sign it with ego sign", ErrNotSigned)},
	{".oeinfo section is missing", fmt.Errorf("%w: build it with ego-go build and sign it with ego sign", ErrNotSigned)},
}

// maxBeginning is what is kept of the output of ego: an enclave that does not
// start is reported in the first lines.
const maxBeginning = 64 << 10

// beginning keeps the first part of what is written to it, by several at once.
type beginning struct {
	mu sync.Mutex
	b  []byte
}

func (w *beginning) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p[:min(len(p), maxBeginning-len(w.b))]...)
	return len(p), nil
}

// explain makes an error of the ego command one of the trusted half, with the
// reason if it did not start.
func (w *beginning) explain(err error) error {
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it has ended well, and left somebody behind who had its output
	}
	e, ok := ended(err).(*ExitError)
	if !ok {
		return err
	}
	if e.Signal == 0 {
		e.Reason = w.reason()
	}
	return e
}

// reason is why the enclave did not start, or nil.
func (w *beginning) reason() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range reasons {
		if bytes.Contains(w.b, []byte(r.says)) {
			return r.err
		}
	}
	return nil
}
