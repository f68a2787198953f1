package dcap

import (
	"errors"
	"fmt"
)

// What is wrong, as far as a caller can do something about it.
var (
	ErrMalformed   = errors.New("malformed evidence")
	ErrUnsupported = errors.New("unsupported evidence")
	ErrForged      = errors.New("evidence not authentic")
	ErrCollateral  = errors.New("collateral not usable")
)

// Error is a refusal. Name is what Intel's library calls it.
type Error struct {
	Kind error // one of the four above
	Name string
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %s (%s)", e.Kind, e.Text, e.Name) }

func (e *Error) Unwrap() error { return e.Kind }

func malformed(format string, args ...any) error {
	return &Error{ErrMalformed, "UNSUPPORTED_QUOTE_FORMAT", fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &Error{ErrUnsupported, "UNSUPPORTED_QUOTE_FORMAT", fmt.Sprintf(format, args...)}
}

func forged(name, format string, args ...any) error {
	return &Error{ErrForged, name, fmt.Sprintf(format, args...)}
}

func collateral(name, format string, args ...any) error {
	return &Error{ErrCollateral, name, fmt.Sprintf(format, args...)}
}
