// Package aesmsim is the quoting enclave of a simulated machine as an AESM
// server has it behind it.
package aesmsim

import (
	"context"
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// QuotingEnclave is that of a machine. It is safe for concurrent use.
type QuotingEnclave struct {
	machine *sim.Machine
	size    int
}

var (
	_ aesm.QuotingEnclave = (*QuotingEnclave)(nil)
	_ aesm.Reporter       = (*QuotingEnclave)(nil)
)

// New has the machine make one quote, to know the size of all: they differ in
// nothing but the report and its signature.
func New(m *sim.Machine) (*QuotingEnclave, error) {
	nobody := m.Enclave(sim.Identity{})
	quote, err := m.Quote(nobody.Report(m.QuotingEnclave(), [64]byte{}))
	if err != nil {
		return nil, fmt.Errorf("aesmsim: %w", err)
	}
	return &QuotingEnclave{m, len(quote)}, nil
}

// Target implements [aesm.QuotingEnclave].
func (q *QuotingEnclave) Target() sgx.TargetInfo { return q.machine.QuotingEnclave() }

// QuoteSize implements [aesm.QuotingEnclave].
func (q *QuotingEnclave) QuoteSize() int { return q.size }

// Quote implements [aesm.QuotingEnclave].
func (q *QuotingEnclave) Quote(ctx context.Context, report sgx.Report) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, aesm.Busy
	}
	quote, err := q.machine.Quote(report)
	if errors.Is(err, sim.ErrReport) {
		return nil, aesm.InvalidReport
	}
	return quote, err
}

// Report implements [aesm.Reporter].
func (q *QuotingEnclave) Report(target sgx.TargetInfo, data [64]byte) sgx.Report {
	return q.machine.QuotingReport(target, data)
}
