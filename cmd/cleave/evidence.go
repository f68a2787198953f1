package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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

// evidence is what both commands take: a quote, and what to judge it by.
type evidence struct {
	quote    []byte
	json     bool
	verifier attest.Verifier
}

// maxFileSize bounds what is read from a file, in bytes.
const maxFileSize = 16 << 20

// parseEvidence reads the command line. More flags may be set up already.
func parseEvidence(flags *flag.FlagSet, args []string, stderr io.Writer) (*evidence, error) {
	var e evidence
	collateral := flags.String("collateral", "", "`DIR|FILE|URL` with collateral: a folder, a bundle, or a service with Intel's paths")
	at := flags.String("time", "", "judge at this `TIME`, RFC 3339 or Unix seconds, instead of now")
	roots := flags.String("roots", "", "trust the root certificate in this `PEM` file instead of Intel's")
	flags.BoolVar(&e.json, "json", false, "print the verdict as JSON")
	flags.SetOutput(stderr)
	if err := flags.Parse(args); err != nil {
		return nil, flag.ErrHelp
	}
	if flags.NArg() != 1 {
		return nil, fmt.Errorf("%s takes one FILE, after the flags", flags.Name())
	}
	return &e, errors.Join(
		set(&e.quote, flags.Arg(0), readFile),
		set(&e.verifier.Collateral, *collateral, readCollateral),
		set(&e.verifier.Root, *roots, readRoot),
		set(&e.verifier.Time, *at, readTime),
	)
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

func readCollateral(name string) (attest.Source, error) {
	if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
		return &attest.PCS{URL: name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return attest.Dir(name), nil
	}
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	var c attest.Collateral
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%s is not a collateral bundle: %w", name, err)
	}
	return &c, nil
}

func readRoot(name string) (*x509.Certificate, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, fmt.Errorf("%s is not one certificate in PEM", name)
	}
	root, err := x509.ParseCertificate(block.Bytes)
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
