package sealing

import (
	"errors"
	"fmt"
)

// Why a blob was refused. The first four are told by its header, which anybody
// can read and write, and no key was asked for. All are wrapped: see
// [errors.Is].
var (
	// ErrFormat: not a blob of this format, cut short, or of a version of the
	// format that this release does not read.
	ErrFormat = errors.New("not a sealed blob this release can read")
	// ErrOther: sealed under another binding, or with keys from another source.
	ErrOther = errors.New("sealed otherwise")
	// ErrNewer: sealed by a newer enclave, or on a newer CPU or microcode.
	ErrNewer = errors.New("sealed under newer versions")
	// ErrTooOld: sealed under versions below the floors of the Sealer.
	ErrTooOld = errors.New("sealed under versions no longer accepted")

	// ErrOpen: the blob was altered, or has other additional data, or was
	// sealed by another enclave or CPU. Which, it does not say.
	ErrOpen = errors.New("the blob does not open")
)

var (
	errTruncated = fmt.Errorf("%w: of a length that no blob has; cut short?", ErrFormat)
	errHeader    = fmt.Errorf("%w: impossible header", ErrFormat)

	errNoKeys     = errors.New("a Sealer is made by New, with the platform's keys")
	errNoBinding  = errors.New("the binding is neither ToEnclave nor ToSigner")
	errNoSource   = errors.New("the platform does not say where its keys come from")
	errFloors     = errors.New("MinSVN and MinCPUSVN need keys that depend on versions, which this platform does not have")
	errBelowFloor = errors.New("this enclave or CPU is itself below MinSVN or MinCPUSVN")
	errZeroKey    = errors.New("the platform's key is all zeros, as in EGo's own simulation, which protects nothing")
	errTooLarge   = errors.New("the plaintext has more than 2^32-1 chunks")
)
