package ratls

import "errors"

// What is wrong with evidence, by errors.Is, where it is not its form.
var (
	// ErrForeign is evidence in a format that this package does not read.
	ErrForeign = errors.New("ratls: evidence in another format")
	// ErrUnbound is evidence that does not speak for the certificate's key.
	ErrUnbound = errors.New("ratls: evidence that is not for this key")
)

// A foreign error names the formats that were found.
type foreign string

func (e foreign) Error() string { return string(e) }

func (e foreign) Is(target error) bool { return target == ErrForeign }

// An unbound error says why evidence is not for the key.
type unbound string

func (e unbound) Error() string { return string(e) }

func (e unbound) Is(target error) bool { return target == ErrUnbound }
