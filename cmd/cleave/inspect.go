package main

import (
	"context"
	"flag"
	"io"
)

// inspect decodes evidence and, given collateral, says whether it is authentic.
func inspect(args []string, stdout, stderr io.Writer) int {
	if isSealed(args) {
		return inspectSealed(args, stdout, stderr)
	}
	e, err := parseEvidence(flag.NewFlagSet("inspect", flag.ContinueOnError), args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	e.anyDialect()
	v, err := decoded(e.subject)
	if err == nil && e.verifier.Collateral != nil {
		err = e.authenticate(v)
	}
	if unreadable(err) {
		return fail(stderr, err)
	}
	v.print(stdout, e.json)
	return status(err)
}

func (e *evidence) authenticate(v *verdict) error {
	ctx := context.Background()
	if v.TD != nil {
		r, err := e.verifier.AuthenticateTD(ctx, e.quote)
		if err != nil {
			v.Error = err.Error()
			return err
		}
		v.authenticTD(r)
		return nil
	}
	r, err := e.report(ctx, &e.verifier)
	if err != nil {
		v.Error = err.Error()
		return err
	}
	v.authentic(r)
	return nil
}

func status(err error) int {
	if err != nil {
		return exitNo
	}
	return exitYes
}
