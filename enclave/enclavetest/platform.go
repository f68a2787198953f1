package enclavetest

import (
	"context"
	"fmt"

	house "github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

// platform is the simulated CPU without a process between.
type platform struct {
	machine *sim.Machine
	enclave *sim.Enclave
}

var (
	_ house.Platform       = (*platform)(nil)
	_ house.ReportVerifier = (*platform)(nil)
)

func (p *platform) Name() string { return "enclavetest" }

func (p *platform) Report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	return p.enclave.Report(target, data), ctx.Err()
}

func (p *platform) Quote(ctx context.Context, data [64]byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.machine.Quote(p.enclave.Report(p.machine.QuotingEnclave(), data))
}

func (p *platform) VerifyReport(ctx context.Context, r sgx.Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.enclave.VerifyReport(r) {
		return house.ErrNotForMe
	}
	return nil
}

func (p *platform) Level() sealing.Level {
	body := p.enclave.Body()
	return sealing.Level{Source: sealing.SourceCPU, SVN: body.SVN, CPUSVN: body.CPUSVN}
}

func (p *platform) SealingKey(r sealing.KeyRequest) ([16]byte, error) {
	request, err := house.SealKeyRequest(r)
	if err != nil {
		return [16]byte{}, fmt.Errorf("enclavetest: sealing key: %w", err)
	}
	return p.enclave.Key(request)
}
