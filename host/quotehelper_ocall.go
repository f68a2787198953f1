package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/quotes"
)

// Handle answers [quotes.Target] and [quotes.Make], for a trusted half whose
// runtime has no way to quotes. In process there is nobody to ask, and every
// answer is an error.
func (h *QuoteHelper) Handle(mux *ocall.Mux) {
	quotes.Target.Handle(mux, func(ctx context.Context, _ struct{}) ([]byte, error) {
		target, err := h.Target(ctx)
		return target, declare(err)
	})
	quotes.Make.Handle(mux, func(ctx context.Context, report []byte) ([]byte, error) {
		quote, err := h.Quote(ctx, report)
		return quote, declare(err)
	})
}

// declare says in the terms of the ocalls what the trusted half can act on.
func declare(err error) error {
	switch {
	case errors.Is(err, ErrQuotesUnavailable):
		return fmt.Errorf("%w: %w", quotes.ErrUnavailable, err)
	case errors.Is(err, ErrReportRefused):
		return fmt.Errorf("%w: %w", quotes.ErrReport, err)
	}
	return err
}
