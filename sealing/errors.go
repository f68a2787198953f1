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
	// sealed by another enclave or CPU. Which, it does not say; if the header
	// states another CPUSVN than this machine's, it says that.
	ErrOpen = errors.New("the blob does not open")
)

// What a [File] with a [Guard] is refused for.
var (
	// ErrNoEntry: the Guard knows nothing of this name. What is on the disk may
	// be of any age. [File.Init] makes the entry.
	ErrNoEntry = errors.New("the guard has no entry for this name")
	// ErrConflict: the Guard's entry is no longer the one that was to be
	// replaced, or another writer has taken over. What was written is discarded,
	// unless a host that can make this look so has kept it.
	ErrConflict = errors.New("another writer was faster")
	// ErrRolledBack: neither the version that the Guard knows nor one that
	// directly follows it is on the disk: only others are, or none.
	ErrRolledBack = errors.New("the latest version is not there: rolled back, or lost")
)

var (
	errTruncated = fmt.Errorf("%w: of a length that no blob has; cut short?", ErrFormat)
	errHeader    = fmt.Errorf("%w: impossible header", ErrFormat)

	errNoKeys      = errors.New("a Sealer is made by New, with the platform's keys")
	errNoBinding   = errors.New("the binding is neither ToEnclave nor ToSigner")
	errNoSource    = errors.New("the platform does not say where its keys come from")
	errSeparation  = fmt.Errorf("%w: this platform has no keys with that Separation, which needs KSS; EGo and Open Enclave have none", errors.ErrUnsupported)
	errFloors      = errors.New("MinSVN and MinCPUSVN need keys that depend on versions, which this platform does not have")
	errConfigFloor = errors.New("MinConfigSVN needs the Separation ByConfig")
	errBelowFloor  = errors.New("this enclave, CPU or configuration is itself below MinSVN, MinCPUSVN or MinConfigSVN")
	errZeroKey     = errors.New("the platform's key is all zeros, as in EGo's own simulation, which protects nothing")
	errTooLarge    = errors.New("the plaintext has more than 2^32-1 chunks")
)
