package aesm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// What a caller can do something about; all else is for an operator.
var (
	// ErrUnavailable is a service that cannot be reached, is slow, or has no
	// room: the same request may succeed later.
	ErrUnavailable = errors.New("aesm: unavailable for now")
	// ErrReport is a report that the quoting enclave refuses. One made for a
	// fresh [Client.Target] may be taken.
	ErrReport = errors.New("aesm: report refused")
)

// Error is why there is no quote, and what an operator does next.
type Error struct {
	Step string // what the service was asked for: "keys", "target", "size" or "quote"
	Code Code   // what it answered, or Success if there is no answer that can be used
	Err  error  // why there is none
}

// Error says what to do too.
func (e *Error) Error() string {
	if e.Code != Success {
		return fmt.Sprintf("%s: the service answered %d, %s; %s", e.Step, uint32(e.Code), e.Code.String(), e.Advice())
	}
	return fmt.Sprintf("%s: %v; %s", e.Step, e.Err, e.Advice())
}

// Unwrap returns the code or, where there is none, Err.
func (e *Error) Unwrap() error {
	if e.Code != Success {
		return e.Code
	}
	return e.Err
}

// Is reports whether e is of that kind, [ErrUnavailable] or [ErrReport].
func (e *Error) Is(kind error) bool {
	switch kind {
	case ErrUnavailable:
		return e.Code == Success && e.passes() || meanings()[e.Code].passes
	case ErrReport:
		return e.Code == InvalidReport || e.Code == 45
	}
	return false
}

// answered reports whether err is that code of the service's.
func answered(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// Advice is what an operator does next.
func (e *Error) Advice() string {
	switch advice := meanings()[e.Code].advice; {
	case advice != "":
		return advice
	case e.Code != Success:
		return "look for it in the service's log"
	}
	return e.transport()
}

// passes reports whether what kept an answer from coming may go away. What
// does not speak the protocol now will not do so later.
func (e *Error) passes() bool {
	return !errors.Is(e.Err, errSize) && !errors.Is(e.Err, errMessage) && !errors.Is(e.Err, errAnswer) &&
		!errors.Is(e.Err, errNoKey) && !errors.Is(e.Err, context.Canceled)
}

func (e *Error) transport() string {
	switch err := e.Err; {
	case errors.Is(err, context.Canceled):
		return "it is not wanted any more"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "the service is slow or hangs: see its log, and whether it waits for a network"
	case errors.Is(err, fs.ErrNotExist):
		return "start aesmd; on Kubernetes enable the node's quote helper (AKS: --enable-sgxquotehelper) and mount /var/run/aesmd"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: restart aesmd; in a container mount the directory /var/run/aesmd, since a socket mounted by itself is lost when the service restarts"
	case errors.Is(err, fs.ErrPermission):
		return "let this user connect: the socket and its directory are closed to it"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the service hung up: it may be restarting; " + adviceBusy
	case errors.Is(err, errNoKey):
		return "install the service's ECDSA plugin"
	case e.passes():
		return adviceBusy
	}
	return "see what listens at that socket: it is no AESM service that this client understands"
}
