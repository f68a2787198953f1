package ego

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// The report body in a quote, of version 3 as of any for SGX.
const (
	quoteBody = 48
	quoteRest = quoteBody + sgx.ReportBodySize
)

var errQuote = errors.New("the runtime's answer is not a quote of this enclave with the data asked for")

// Quote returns a bare Intel quote, which the host's quoting enclave signed.
// It is about this enclave and the given data; its signature is for the
// verifier to check.
func (p *Platform) Quote(ctx context.Context, data [64]byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := p.remoteReport(data)
	if err != nil {
		return nil, fmt.Errorf("ego: quote: %w", err)
	}
	kind, quote, err := oe.ParseReport(b)
	if err != nil || kind != oe.Remote || !p.oursQuoted(quote, data) {
		return nil, fmt.Errorf("ego: quote: %w", errQuote)
	}
	return quote, nil
}

func (p *Platform) oursQuoted(quote []byte, data [64]byte) bool {
	if len(quote) < quoteRest {
		return false
	}
	body, err := sgx.ParseReportBody(quote[quoteBody:quoteRest])
	return err == nil && platform.SameEnclave(p.self, body, data)
}

func (p *Platform) remoteReport(data [64]byte) ([]byte, error) {
	out := new(buffer)
	err := p.invoke(oe.CallRemoteReport,
		uintptr(unsafe.Pointer(&data)), uintptr(len(data)),
		0, 0,
		uintptr(unsafe.Pointer(&out.addr)), uintptr(unsafe.Pointer(&out.size)))
	if err != nil {
		return nil, err
	}
	defer p.freeReport(out)
	return out.copy(oe.ReportHeaderSize, oe.MaxReportSize), nil
}
