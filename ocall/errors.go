package ocall

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrViolation is wrapped when the host answered with what it must not: bytes
	// that are no answer, or an answer that Check refused. If the error is also
	// ErrClosed, the connection went with it; otherwise only this call failed.
	ErrViolation = errors.New("the other half misbehaved")

	// ErrClosed is wrapped when the connection is gone, by Close, by the host's
	// end or by a violation. Dial again.
	ErrClosed = errors.New("connection closed")

	// ErrMismatch is wrapped when the halves were built from different
	// declarations, or a call is not in the service that was dialled. Rebuild one
	// of them: the text names the first call and field that differ.
	ErrMismatch = errors.New("the halves do not match")

	// ErrLimit is wrapped when a request or chunk is longer than its limit, or a
	// call larger than Dialer.Memory. Nothing was sent.
	ErrLimit = errors.New("over the limit")
)

// errUndeclared is when the connection does not know what is called.
var errUndeclared = fmt.Errorf("%w: not in the service that was dialled, or declared otherwise there", ErrMismatch)

// errNoTurn is when nothing was sent.
var errNoTurn = fmt.Errorf("no turn in time, as calls under way have all places, all of its Concurrency or all of Dialer.Memory: %w", context.DeadlineExceeded)

// A HostError is what the host answered instead of a value. It is a claim: the
// host may say anything at any time, so no decision should hang on it that the
// caller could not bear to be wrong.
type HostError struct {
	Call    string
	Code    string // of an error that the call declares, which errors.Is and errors.As find; or empty
	Message string // at most 1024 bytes, any bytes

	is error
}

// Error quotes the message, so that it cannot forge lines of a log.
func (e *HostError) Error() string {
	if e.Code != "" {
		return fmt.Sprintf("ocall: %s: the host said %s: %.1024q", e.Call, e.Code, e.Message)
	}
	return fmt.Sprintf("ocall: %s: the host said %.1024q", e.Call, e.Message)
}

// Unwrap returns the declared error, or nil. Its own text is not quoted.
func (e *HostError) Unwrap() error { return e.is }

// door gives err the package's prefix. What the host said has it already.
func door(call string, err error) error {
	if _, said := err.(*HostError); said {
		return err
	}
	if err == context.DeadlineExceeded {
		return fmt.Errorf("ocall: %s: no answer in time: %w", call, err)
	}
	return fmt.Errorf("ocall: %s: %w", call, err)
}

func violation(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrViolation}, args...)...)
}

// refuse panics: a declaration that cannot work is the program's mistake, and
// shows on the first run.
func refuse(path, reason string) { panic("ocall: " + path + ": " + reason) }
