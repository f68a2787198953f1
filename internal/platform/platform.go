// Package platform is what a trusted half asks of the platform it runs on.
// Every way to run an enclave is a package below it, with an Open function.
package platform

import (
	"context"
	"errors"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

// ErrAbsent is what Open returns where its platform is not: the next may be
// tried. After any other error nothing else may be: something answered, and
// did not answer well.
var ErrAbsent = errors.New("platform: not running on it")

// Platform is safe for concurrent use.
type Platform interface {
	// Name is for people: "EGo".
	Name() string

	// Report makes a local report for the target, which alone can check it.
	// The zero target is nobody: such a report only tells the caller what it
	// is itself.
	Report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error)

	// Quote returns a bare Intel quote with the given report data.
	Quote(ctx context.Context, data [64]byte) ([]byte, error)

	sealing.Keys
}

// ErrNotForMe is a report that was not made for this enclave on this CPU, or
// has been changed since.
var ErrNotForMe = errors.New("platform: not a report for this enclave on this CPU")

// ReportVerifier is a Platform that can check local reports.
type ReportVerifier interface {
	// VerifyReport returns nil if another enclave of this CPU made the report
	// for this one, ErrNotForMe if not, or why that could not be found out:
	// errors.ErrUnsupported if it never can be.
	VerifyReport(context.Context, sgx.Report) error
}
