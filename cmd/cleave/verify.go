package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
)

// verify says whether evidence is authentic and of an enclave that a policy
// trusts.
func verify(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	var p policyFlags
	p.register(flags)
	data := flags.String("report-data", "", "expect the quote to be for this data, in `HEX`: 64 bytes, or fewer that are followed by zeros")
	e, err := parseEvidence(flags, args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	if e.verifier.Policy, err = p.policy(); err != nil {
		return fail(stderr, err)
	}
	if err := e.expect(*data); err != nil {
		return fail(stderr, err)
	}
	v, err := decoded(e.subject)
	if err == nil {
		err = e.appraise(v)
	}
	if unreadable(err) {
		return fail(stderr, err)
	}
	v.trust(err)
	v.print(stdout, e.json)
	return status(err)
}

// errTrustDomain is why no policy trusts a trust domain, however genuine.
var errTrustDomain = errors.New("this is a TDX trust domain, and policies name enclaves; see cleave inspect")

// appraise authenticates and applies the policy.
func (e *evidence) appraise(v *verdict) error {
	if v.TD != nil {
		return errTrustDomain
	}
	r, err := e.report(context.Background(), &e.verifier)
	if err != nil {
		return err
	}
	v.authentic(r)
	if e.data != nil && r.Data != *e.data {
		return fmt.Errorf("the quote is for %x, wanted %x: it was made for something else; do not trust who sent it", r.Data, *e.data)
	}
	return e.verifier.Policy.Check(r)
}

// expect reads the report data that a bare quote must have.
func (e *evidence) expect(text string) error {
	if text == "" {
		return nil
	}
	if e.certificate != nil {
		return errors.New("-report-data is for bare quotes: that of a certificate names its key, which is checked anyway")
	}
	b, err := hex.DecodeString(text)
	e.data = new([64]byte)
	if err != nil || len(b) > len(e.data) {
		return fmt.Errorf("-report-data %.200q is not up to 128 hexadecimal digits, two a byte", text)
	}
	copy(e.data[:], b)
	return nil
}

// policyFlags are the three ways to name whom to trust.
type policyFlags struct {
	file, measurement, signer, product, minSVN string
}

func (p *policyFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&p.file, "policy", "", "trust what the policy in this `FILE` trusts: JSON, in which whole lines may be comments (//)")
	flags.StringVar(&p.measurement, "measurement", "", "trust the one build with this measurement, in `HEX`")
	flags.StringVar(&p.signer, "signer", "", "trust what this signer, in `HEX`, has signed as -product with -min-svn")
	flags.StringVar(&p.product, "product", "", "the product id `N` that goes with -signer")
	flags.StringVar(&p.minSVN, "min-svn", "", "the least security version `N` that goes with -signer")
}

func (p *policyFlags) policy() (attest.Policy, error) {
	switch {
	case p.file != "" && p.measurement == "" && p.withoutSigner():
		return readPolicy(p.file)
	case p.measurement != "" && p.file == "" && p.withoutSigner():
		m, err := attest.ParseMeasurement(p.measurement)
		return attest.Policy{Builds: []attest.Measurement{m}}, err
	case p.signer != "" && p.product != "" && p.minSVN != "" && p.file == "" && p.measurement == "":
		return p.signedBy()
	}
	return attest.Policy{}, errors.New("say whom to trust, in one way: -policy FILE, or -measurement HEX, or -signer HEX -product N -min-svn N")
}

func (p *policyFlags) withoutSigner() bool { return p.signer+p.product+p.minSVN == "" }

func (p *policyFlags) signedBy() (attest.Policy, error) {
	signer, err := attest.ParseSigner(p.signer)
	product, productErr := number("-product", p.product)
	minSVN, svnErr := number("-min-svn", p.minSVN)
	return attest.Policy{Products: []attest.Product{attest.SignedBy(signer, product, minSVN)}},
		errors.Join(err, productErr, svnErr)
}

func number(name, s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number from 0 to 65535", name, s)
	}
	return uint16(n), nil
}

func readPolicy(name string) (p attest.Policy, err error) {
	b, err := readFile(name)
	if err != nil {
		return p, err
	}
	read, err := attest.ParsePolicy(b)
	if err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return *read, nil
}

// unreadable tells input that could not be read, from a disk or a service, from
// a verdict: collateral that package dcap has not even judged.
func unreadable(err error) bool {
	var judged *dcap.Error
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, attest.ErrCollateral) && !errors.As(err, &judged)
}
