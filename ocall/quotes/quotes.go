// Package quotes is two ocalls by which a trusted half has the host's quote
// helper make its quotes, where its runtime has no way to them:
//
//	var Service = ocall.Service{Load, quotes.Target, quotes.Make} // both halves
//
//	helper, err := host.FindQuoteHelper() // host half
//	helper.Handle(&mux)
//
//	p = p.WithQuotes(quotes.Over(conn)) // trusted half
//
// EGo has a way of its own, which is tried first. This one has run with the
// simulator's quoting enclave behind Intel's protocol, not on SGX hardware.
package quotes

import (
	"context"
	"errors"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/ocall"
)

const (
	maxQuote = 64 << 10 // bytes; genuine ones have 4 to 5 KB
	atOnce   = 4        // calls of each name that are under way; more wait
)

var (
	// ErrUnavailable is a helper that cannot be reached, is slow or has no room:
	// the same may succeed later.
	ErrUnavailable = errors.New("the quote helper is not available")
	// ErrReport is a report that the quoting enclave did not take. One made for a
	// fresh Target may be taken.
	ErrReport = errors.New("the quoting enclave refused the report")
)

var (
	errTarget = errors.New("no TARGETINFO of a quoting enclave, which may use the provisioning key and is not in debug mode")
	errQuote  = errors.New("no quote of that report")
)

// Target asks whom a report must be made for to become a quote: for the
// quoting enclave's TARGETINFO, 512 bytes. It may be that of any enclave which
// Intel lets use the provisioning key, and of none else.
var Target = ocall.Func[struct{}, []byte]{
	Name: "cleave.quotes.target",
	Check: func(_ struct{}, target []byte) error {
		t, err := sgx.ParseTargetInfo(target)
		if err != nil || t.Attributes.Flags&sgx.FlagProvisionKey == 0 || t.Attributes.Debug() {
			return errTarget
		}
		return nil
	},
	MaxRequest:  16,
	MaxResponse: sgx.TargetInfoSize,
	Concurrency: atOnce,
	Idempotent:  true,
	Errors:      declared,
}

// Make turns a REPORT of 432 bytes, made for the Target, into a bare Intel
// quote of the same enclave and data. Who signed it, its verifiers find out.
var Make = ocall.Func[[]byte, []byte]{
	Name:        "cleave.quotes.make",
	Check:       checkQuote,
	MaxRequest:  sgx.ReportSize,
	MaxResponse: maxQuote,
	Concurrency: atOnce,
	Idempotent:  true,
	Errors:      declared,
}

func checkQuote(report, quote []byte) error {
	r, err := sgx.ParseReport(report)
	if err != nil {
		return errQuote
	}
	if q, err := dcap.ParseQuote(quote); err != nil || q.TEE != dcap.TEESGX || q.Body != r.Body {
		return errQuote
	}
	return nil
}

var declared = []ocall.DeclaredError{
	ocall.ErrorValue("unavailable", ErrUnavailable),
	ocall.ErrorValue("report", ErrReport),
}

// Helper asks over a connection. It is safe for concurrent use.
type Helper struct{ conn *ocall.Conn }

// Over is for [enclave.Platform.WithQuotes]. The connection's service must
// hold Target and Make.
func Over(conn *ocall.Conn) Helper { return Helper{conn} }

// Target asks for the quoting enclave's TARGETINFO.
func (h Helper) Target(ctx context.Context) ([]byte, error) {
	return Target.Call(ctx, h.conn, struct{}{})
}

// Quote asks for a quote of a report.
func (h Helper) Quote(ctx context.Context, report []byte) ([]byte, error) {
	return Make.Call(ctx, h.conn, report)
}
