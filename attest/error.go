package attest

import (
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// What a caller can do about an error, by [errors.Is].
var (
	// ErrMalformed is evidence that cannot be read: nothing a retry would mend.
	ErrMalformed = dcap.ErrMalformed
	// ErrUnsupported is evidence of a kind this package cannot verify.
	ErrUnsupported = dcap.ErrUnsupported
	// ErrForged is evidence that is not genuine, or of something else than was
	// asked: a wrong root, a bad signature, other report data.
	ErrForged = dcap.ErrForged
	// ErrCollateral is collateral that is missing, expired or not genuine:
	// refresh it, or try another source.
	ErrCollateral = dcap.ErrCollateral
	// ErrPolicy is genuine evidence of something the policy does not trust. As
	// a [*PolicyError] it says what.
	ErrPolicy = errors.New("not trusted by the policy")
)

// PolicyError says which rule of a policy an enclave does not satisfy.
type PolicyError struct {
	Rule   string // the policy's field
	Found  string
	Wanted string
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("attest: %v (%s): found %s, wanted %s", ErrPolicy, e.Rule, e.Found, e.Wanted)
}

// Unwrap returns [ErrPolicy].
func (e *PolicyError) Unwrap() error { return ErrPolicy }

func fail(kind error, format string, args ...any) error {
	return fmt.Errorf("attest: %w: %s", kind, fmt.Sprintf(format, args...))
}
