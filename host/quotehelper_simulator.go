package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/aesm/aesmsim"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// quotingMachine is a simulated machine whose quotes are made as on a node
// with a quote helper: its quoting enclave is behind an AESM service, which is
// asked over a socket.
type quotingMachine struct {
	*sim.Machine
	ctx    context.Context
	helper *QuoteHelper
	target sgx.TargetInfo
}

var _ ert.Machine = (*quotingMachine)(nil)

// quoteTimeout bounds a quote: nobody interrupts a runtime call.
const quoteTimeout = 30 * time.Second

// serveQuotes starts the service, for as long as the instance runs.
func (i *Instance) serveQuotes(machine *sim.Machine) (*quotingMachine, error) {
	enclave, err := aesmsim.New(machine)
	if err != nil {
		return nil, err
	}
	l, path, err := i.listen()
	if err != nil {
		return nil, err
	}
	i.serve(func(ctx context.Context) error {
		return (&aesm.Server{QuotingEnclave: enclave}).Serve(ctx, l)
	})
	m := &quotingMachine{Machine: machine, ctx: i.ctx, helper: &QuoteHelper{Socket: path}}
	b, err := m.helper.Target(i.ctx)
	if err != nil {
		return nil, err
	}
	if m.target, err = sgx.ParseTargetInfo(b); err != nil {
		return nil, err
	}
	return m, nil
}

// QuotingEnclave implements [ert.Machine]. It is as the service said when it
// started: a simulated one does not change.
func (m *quotingMachine) QuotingEnclave() sgx.TargetInfo { return m.target }

// Quote implements [ert.Machine]. An error says what EGo's runtime would
// answer, as far as that is known.
func (m *quotingMachine) Quote(r sgx.Report) ([]byte, error) {
	ctx, cancel := context.WithTimeout(m.ctx, quoteTimeout)
	defer cancel()
	quote, err := m.helper.Quote(ctx, r.Append(nil))
	if errors.Is(err, ErrQuotesUnavailable) {
		return nil, fmt.Errorf("%w: %w", oe.ServiceUnavailable, err)
	}
	return quote, err
}
