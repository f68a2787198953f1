package enclave

import (
	"context"
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/ratls"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// quoteHeaderSize is what stands before the report body in a quote.
const quoteHeaderSize = 48

var (
	errPurpose = errors.New("enclave: a quote needs a purpose")
	errQuote   = errors.New("enclave: the host brought a quote that is not this enclave's, or not of the data asked for")
)

// Quote returns a statement, signed by the CPU's quoting enclave, that this
// enclave said data for this purpose. Its report data is
// [attest.ReportData] of both, so that a quote made for one purpose is of no
// use for another, nor as evidence in a certificate. The purpose names the
// protocol and the message within it, such as "example.org/enrol v1"; it must
// not be empty, nor be left to others to choose.
//
// The quote is Intel's, of 4 to 5 KB. It says nothing of when it was made: put
// the verifier's nonce in data where that matters. It takes milliseconds, or
// seconds where the host asks a service; EGo cannot interrupt it, so that ctx
// may only keep it from beginning.
func (p *Platform) Quote(ctx context.Context, purpose string, data []byte) ([]byte, error) {
	if purpose == "" {
		return nil, errPurpose
	}
	return p.RawQuote(ctx, attest.ReportData(purpose, data))
}

// RawQuote returns a quote with exactly this report data. It is for protocols
// that say what the 64 bytes are. All else uses [Platform.Quote]: whoever can
// choose the report data of an enclave's quotes can impersonate the enclave.
func (p *Platform) RawQuote(ctx context.Context, reportData [64]byte) ([]byte, error) {
	if p == nil || p.platform == nil {
		return nil, ErrOutside
	}
	quote, err := p.platform.Quote(ctx, reportData)
	if err != nil {
		return nil, fmt.Errorf("enclave: quote: %w", err)
	}
	if !p.made(quote, reportData) {
		return nil, errQuote
	}
	return quote, nil
}

// made reports whether a quote is of this enclave and of data. It does not
// verify it, as clients will: it keeps a quote that is of no use to anybody
// from taking the place of one that is.
func (p *Platform) made(quote []byte, data [64]byte) bool {
	var header []byte
	var body sgx.ReportBody
	s := lebyte.String(quote)
	return len(quote) >= ratls.MinQuoteSize && len(quote) <= ratls.MaxQuoteSize &&
		s.Bytes(&header, quoteHeaderSize) &&
		body.Read(&s) &&
		body.ReportData == data &&
		identify(&body) == p.identity
}
