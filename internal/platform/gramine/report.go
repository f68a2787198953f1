package gramine

import (
	"context"
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

var (
	errReport = errors.New(root + "/report has no report of this enclave with the data asked for: " +
		"does something else in this process use " + root + "?")
	errQuote = errors.New(fileQuote + " has no quote of this enclave with the data asked for: " +
		"does something else in this process use " + root + "?")
	errNone   = fmt.Errorf("the manifest asks for no quotes; set sgx.remote_attestation = \"dcap\": %w", errors.ErrUnsupported)
	errVerify = fmt.Errorf("there is no key to check local reports with, since Gramine gives programs none; use quotes instead: %w", errors.ErrUnsupported)
)

// Report makes a local report for the target. The zero target is nobody.
func (p *Platform) Report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	report, err := p.report(ctx, target, data)
	if err == nil && !platform.SameEnclave(p.self, report.Body, data) {
		err = errReport
	}
	if err != nil {
		return sgx.Report{}, fmt.Errorf("gramine: report: %w", err)
	}
	return report, nil
}

// report writes the target each time. Of the zero target Gramine makes this
// enclave's own with the first report, for all that follow.
func (p *Platform) report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	release, err := takeTurn(ctx)
	if err != nil {
		return sgx.Report{}, err
	}
	defer release()
	if err := p.tree.write(fileTarget, target.Append(nil)); err != nil {
		return sgx.Report{}, err
	}
	if err := p.tree.write(fileData, data[:]); err != nil {
		return sgx.Report{}, err
	}
	b, err := p.tree.read(fileReport, sgx.ReportSize)
	if err != nil {
		return sgx.Report{}, err
	}
	report, err := sgx.ParseReport(b)
	if err != nil || report.Body.ReportData != data {
		return sgx.Report{}, errReport
	}
	return report, nil
}

// VerifyReport fails with [errors.ErrUnsupported].
func (p *Platform) VerifyReport(context.Context, sgx.Report) error {
	return fmt.Errorf("gramine: local report: %w", errVerify)
}

// Quote returns a bare Intel quote, which Gramine gets from the host's AESM
// service. It is about this enclave and the given data; its signature is for
// the verifier to check.
func (p *Platform) Quote(ctx context.Context, data [64]byte) ([]byte, error) {
	quote, err := p.quote(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("gramine: quote: %w", err)
	}
	return quote, nil
}

func (p *Platform) quote(ctx context.Context, data [64]byte) ([]byte, error) {
	if !p.dcap {
		return nil, errNone
	}
	b, err := p.readQuote(ctx, data)
	if err != nil {
		return nil, err
	}
	parsed, err := dcap.ParseQuote(b)
	if err != nil || parsed.TEE != dcap.TEESGX || !platform.SameEnclave(p.self, parsed.Body, data) {
		return nil, errQuote
	}
	return b, nil
}

func (p *Platform) readQuote(ctx context.Context, data [64]byte) ([]byte, error) {
	release, err := takeTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := p.tree.write(fileData, data[:]); err != nil {
		return nil, err
	}
	b, err := p.tree.read(fileQuote, maxQuote)
	if err != nil {
		return nil, fmt.Errorf("%w; Gramine gives no reason: see its log, and whether the host's AESM service answers", err)
	}
	return b, nil
}
