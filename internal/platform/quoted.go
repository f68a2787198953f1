package platform

import (
	"context"
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

// QuoteHelper is the host's way to the quoting enclave, as a trusted half has
// it: by ocalls. It is safe for concurrent use, and nothing it says is believed.
type QuoteHelper interface {
	// Target is whom reports have to be made for to become quotes: the
	// quoting enclave's TARGETINFO, 512 bytes.
	Target(context.Context) ([]byte, error)
	// Quote turns a REPORT of 432 bytes into a quote.
	Quote(ctx context.Context, report []byte) ([]byte, error)
}

// Quoted is a platform that gets its quotes from a helper where its own way to
// them fails: where the runtime has no quote provider. The platform's own is
// always tried first.
//
// It has been run over the simulator's quoting enclave. It has not been run on
// SGX hardware.
type Quoted struct {
	Platform
	Helper QuoteHelper
}

var (
	_ ReportVerifier       = Quoted{}
	_ sealing.SeparateKeys = Quoted{}
)

var (
	errNoTarget = errors.New("the host's quote helper names no quoting enclave to report to: " +
		"TARGETINFO is malformed, or of an enclave that is in debug mode or may not have the provisioning key")
	errNoQuote = errors.New("the host's quote helper brought no quote of the report that it was given")
)

// Quote implements [Platform].
func (q Quoted) Quote(ctx context.Context, data [64]byte) ([]byte, error) {
	quote, own := q.Platform.Quote(ctx, data)
	if own == nil || ctx.Err() != nil {
		return quote, own
	}
	quote, err := q.help(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("%w; and by the host's quote helper: %w", own, err)
	}
	return quote, nil
}

// help asks for the target each time: it changes when the service behind the
// helper is started again.
func (q Quoted) help(ctx context.Context, data [64]byte) ([]byte, error) {
	b, err := q.Helper.Target(ctx)
	if err != nil {
		return nil, err
	}
	target, err := sgx.ParseTargetInfo(b)
	if err != nil || !quotes(target) {
		return nil, errNoTarget
	}
	report, err := q.Report(ctx, target, data)
	if err != nil {
		return nil, err
	}
	quote, err := q.Helper.Quote(ctx, report.Append(nil))
	if err != nil {
		return nil, err
	}
	if parsed, err := dcap.ParseQuote(quote); err != nil || parsed.TEE != dcap.TEESGX || parsed.Body != report.Body {
		return nil, errNoQuote
	}
	return quote, nil
}

// quotes reports whether the target can be a quoting enclave. The host could
// otherwise have reports made for enclaves of its own choice, which take local
// reports as proof of something.
func quotes(t sgx.TargetInfo) bool {
	return t.Attributes.Flags&sgx.FlagProvisionKey != 0 && !t.Attributes.Debug()
}

// VerifyReport implements [ReportVerifier], for platforms that do.
func (q Quoted) VerifyReport(ctx context.Context, r sgx.Report) error {
	verifier, ok := q.Platform.(ReportVerifier)
	if !ok {
		return fmt.Errorf("%s cannot check local reports: use quotes instead: %w", q.Name(), errors.ErrUnsupported)
	}
	return verifier.VerifyReport(ctx, r)
}

// Separations implements [sealing.SeparateKeys], for platforms that do.
func (q Quoted) Separations() sealing.Separation {
	if k, ok := q.Platform.(sealing.SeparateKeys); ok {
		return k.Separations()
	}
	return 0
}
