package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/cleave-sdk/cleave/attest"
)

// policy starts a policy.
func policy(args []string, stdout, stderr io.Writer) int {
	return choose(map[string]command{"init": policyInit}, "usage: cleave policy init [-from FILE|HOST:PORT] [flags]\n", args, stdout, stderr)
}

// policyInit writes the start of a policy, for the enclave whose evidence it
// is given. Without collateral it says that the evidence was not verified.
func policyInit(args []string, stdout, stderr io.Writer) int {
	e, from, err := parseInit(args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	d, err := e.start(from)
	if unreadable(err) {
		return fail(stderr, err)
	}
	if err != nil {
		fmt.Fprintln(stderr, "cleave:", err)
		return exitNo
	}
	if err := draft.Execute(stdout, d); err != nil {
		return fail(stderr, err)
	}
	return exitYes
}

func parseInit(args []string, stdout, stderr io.Writer) (e *evidence, from string, err error) {
	e = new(evidence)
	flags := flag.NewFlagSet("policy init", flag.ContinueOnError)
	var f verifierFlags
	f.register(flags)
	flags.StringVar(&from, "from", "", "take the enclave from this `FILE|HOST:PORT`: a quote, a certificate, or a running service")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return nil, "", err
	}
	if flags.NArg() != 0 {
		return nil, "", errors.New("policy init takes no arguments but its flags")
	}
	err = errors.Join(set(&e.subject, from, readSubject), f.set(&e.verifier))
	e.anyDialect()
	return e, from, err
}

// start is what the draft of a policy is filled in with.
type start struct {
	From   string // quoted, for it stands in a comment
	Report *attest.Report
	// Judged is false if Report has only what the evidence claims.
	Judged bool
	// Signed is, in place of evidence, when an executable was signed.
	Signed string
}

func (e *evidence) start(from string) (*start, error) {
	d := &start{From: fmt.Sprintf("%.200q", from)}
	if e.subject == nil {
		d.From, d.Report = "", new(attest.Report)
		return d, nil
	}
	if e.subject.err != nil {
		return nil, e.subject.err
	}
	if e.verifier.Collateral == nil {
		return d, d.claimed(e.quote)
	}
	r, err := e.report(context.Background(), &e.verifier)
	d.Report, d.Judged = r, true
	return d, err
}

// claimed fills in what has not been verified.
func (d *start) claimed(quote []byte) error {
	q, err := attest.ParseQuote(quote)
	if err != nil {
		return err
	}
	platform, root, err := q.Origin()
	d.Report = &attest.Report{Identity: q.Identity, Details: q.Details, Platform: platform, Root: root}
	return err
}
