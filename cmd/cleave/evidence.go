package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// evidence is what the commands take, and what to judge it by.
type evidence struct {
	*subject
	json     bool
	verifier attest.Verifier
	data     *[64]byte // that the quote must be for, if not nil
}

// maxFileSize bounds what is read from a file, in bytes.
const maxFileSize = 16 << 20

// verifierFlags say what to judge by.
type verifierFlags struct {
	collateral, at, roots, dialects string
}

func (f *verifierFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.collateral, "collateral", "", "`DIR|FILE|URL` with collateral: a folder, a bundle, or a service with Intel's paths")
	flags.StringVar(&f.at, "time", "", "judge at this `TIME`, RFC 3339 or Unix seconds, instead of now")
	flags.StringVar(&f.dialects, "dialect", "", "accept certificates of these `DIALECTS`, separated by commas, where otherwise verify accepts dice alone: dice, ego, oe-report, oe-evidence, gramine, rats-tls")
	flags.StringVar(&f.roots, "roots", "", "trust the root certificate in this `PEM` file instead of Intel's")
}

func (f *verifierFlags) set(v *attest.Verifier) error {
	return errors.Join(
		set(&v.Collateral, f.collateral, readCollateral),
		set(&v.Root, f.roots, readRoot),
		set(&v.Time, f.at, readTime),
		set(&v.Dialects, f.dialects, readDialects),
	)
}

// anyDialect accepts certificates in every dialect where none was named: for
// those who look at evidence, and do not rely on it.
func (e *evidence) anyDialect() {
	if e.verifier.Dialects == nil {
		e.verifier.Dialects = attest.AllDialects()
	}
}

func readDialects(list string) (all []attest.Dialect, err error) {
	for name := range strings.SplitSeq(list, ",") {
		var d attest.Dialect
		if err := d.UnmarshalText([]byte(strings.TrimSpace(name))); err != nil {
			return nil, fmt.Errorf("-dialect: %w", err)
		}
		all = append(all, d)
	}
	return all, nil
}

// parseEvidence reads the command line. More flags may be set up already.
func parseEvidence(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (*evidence, error) {
	var e evidence
	var f verifierFlags
	f.register(flags)
	flags.BoolVar(&e.json, "json", false, "print the verdict as JSON")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 {
		return nil, fmt.Errorf("%s takes one FILE or HOST:PORT, after the flags", flags.Name())
	}
	return &e, errors.Join(set(&e.subject, flags.Arg(0), readSubject), f.set(&e.verifier))
}

// set fills in what a flag names, if it is given.
func set[T any](v *T, value string, read func(string) (T, error)) (err error) {
	if value != "" {
		*v, err = read(value)
	}
	return err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(b) > maxFileSize {
		err = fmt.Errorf("%s has more than %d bytes", name, maxFileSize)
	}
	return b, err
}

func readRoot(name string) (*x509.Certificate, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(b)
	der, ok := firstPEM(text)
	if !ok || !bytes.HasPrefix(text, []byte("-----BEGIN CERTIFICATE-----")) || !bytes.HasSuffix(text, []byte("-----END CERTIFICATE-----")) ||
		bytes.Count(text, []byte("-----END ")) != 1 {
		return nil, fmt.Errorf("%s is not one certificate in PEM, and nothing else", name)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return root, nil
}

func readTime(s string) (func() time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if seconds, numErr := strconv.ParseInt(s, 10, 64); numErr == nil {
		t, err = time.Unix(seconds, 0), nil
	}
	if err != nil {
		return nil, fmt.Errorf("-time %q is neither RFC 3339, such as 2026-01-31T12:00:00Z, nor seconds since 1970", s)
	}
	return func() time.Time { return t }, nil
}
