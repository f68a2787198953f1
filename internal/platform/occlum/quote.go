package occlum

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/platform"
)

// Sizes of quotes in bytes: they have about 4,700.
const (
	minQuote = 48 + 384 + 4
	maxQuote = 64 << 10
)

var (
	errSize  = errors.New("the answer is no size of a quote")
	errQuote = errors.New("the answer is not a quote of this enclave with the data asked for")
)

// What to do about EINVAL, which may be anything.
const (
	noQuotes = "Occlum has none: it was built without DCAP, or the host had no quoting enclave when it was first asked. " +
		"It asks once: see its log, and start it again when the host has one"
	noQuote = "Occlum's log says why; if the host's quoting enclave has changed, start Occlum again"
)

// Quote returns a bare Intel quote, which the host's quoting enclave signed.
// It is about this enclave and the given data; its signature is for the
// verifier to check.
func (p *Platform) Quote(ctx context.Context, data [64]byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	quote, err := p.quote(data)
	if err != nil {
		return nil, fmt.Errorf("occlum: quote: %w", err)
	}
	return quote, nil
}

func (p *Platform) quote(data [64]byte) ([]byte, error) {
	size := new(uint32)
	if err := p.call("GET_DCAP_QUOTE_SIZE", requestQuoteSize, unsafe.Pointer(size)); err != nil {
		return nil, fmt.Errorf("%w: %s", err, noQuotes)
	}
	if *size < minQuote || *size > maxQuote {
		return nil, errSize
	}
	b := make([]byte, *size)
	argument := &quoteArgument{data: &data, size: size, quote: unsafe.SliceData(b)}
	if err := p.call("GEN_DCAP_QUOTE", requestQuote, unsafe.Pointer(argument)); err != nil {
		return nil, fmt.Errorf("%w: %s", err, noQuote)
	}
	// The size is room for any quote, which says itself how long it is.
	n, ok := dcap.Size(b)
	if !ok {
		return nil, errQuote
	}
	parsed, err := dcap.ParseQuote(b[:n])
	if err != nil || parsed.TEE != dcap.TEESGX || !platform.SameEnclave(p.self, parsed.Body, data) {
		return nil, errQuote
	}
	return b[:n:n], nil
}
