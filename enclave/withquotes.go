package enclave

import (
	"context"

	"github.com/cleave-sdk/cleave/internal/platform"
)

// QuoteHelper is the host's way to its quoting enclave, as package
// ocall/quotes has it. Nothing it says is believed.
type QuoteHelper interface {
	// Target is whom reports have to be made for to become quotes: the quoting
	// enclave's TARGETINFO, 512 bytes.
	Target(context.Context) ([]byte, error)
	// Quote turns a REPORT of 432 bytes into a quote.
	Quote(ctx context.Context, report []byte) ([]byte, error)
}

// WithQuotes returns p with another way to quotes, which is taken when the
// platform's own fails, as where the runtime has no quote provider. The host
// can so choose which of its quoting enclaves quotes, as it can in any case. It
// has been run on the simulator, not on SGX hardware.
func (p *Platform) WithQuotes(h QuoteHelper) *Platform {
	if p == nil || p.platform == nil {
		return p
	}
	with := *p
	with.platform = platform.Quoted{Platform: p.platform, Helper: h}
	return &with
}
