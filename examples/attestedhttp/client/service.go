package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// timeout bounds a request, its verification included.
const timeout = time.Minute

// maxAnswer is more than any answer has, in bytes.
const maxAnswer = 4 << 10

// service is a trusted half that a policy trusts.
type service struct {
	address  string
	verifier *attest.Verifier
	http     http.Client
}

// options are the flags that both commands have.
type options struct {
	policy, owner, root, collateral string
}

func (o *options) parse(name string, args []string) ([]string, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&o.policy, "policy", "", "whom to trust: a `FILE` as cleave id -policy writes it")
	flags.StringVar(&o.owner, "owner", "", "the owner's key: a `FILE` as client owner makes it")
	flags.StringVar(&o.root, "root", "", "trust this root in `PEM` instead of Intel's: a simulated machine's")
	flags.StringVar(&o.collateral, "collateral", "", "fetch collateral from this `URL` instead of Intel's service")
	if err := flags.Parse(args); err != nil {
		return nil, errUsage
	}
	return flags.Args(), nil
}

func (o *options) service(address string) (*service, error) {
	v, err := o.verifier()
	if err != nil {
		return nil, err
	}
	config := v.TLSConfig()
	if o.owner != "" {
		owner, err := loadOwner(o.owner)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{owner}
	}
	s := &service{address: address, verifier: v}
	s.http = http.Client{Timeout: timeout, Transport: &http.Transport{TLSClientConfig: config}}
	return s, nil
}

func (o *options) verifier() (*attest.Verifier, error) {
	text, err := os.ReadFile(o.policy)
	if err != nil {
		return nil, err
	}
	policy, err := attest.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.policy, err)
	}
	v := &attest.Verifier{Policy: *policy}
	if o.collateral != "" {
		v.Collateral = &attest.PCS{URL: o.collateral}
	}
	if o.root != "" {
		v.Root, err = readRoot(o.root)
	}
	return v, err
}

func readRoot(name string) (*x509.Certificate, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no certificate in PEM", name)
	}
	return x509.ParseCertificate(block.Bytes)
}

// give gives the trusted half its value.
func give(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	var o options
	args, err := o.parse("give", args)
	if err != nil || len(args) != 1 || o.owner == "" {
		return errUsage
	}
	value, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	s, err := o.service(args[0])
	if err != nil {
		return err
	}
	_, by, err := s.do(ctx, http.MethodPut, "/value", value)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "given to measurement %v of signer %v\n", by.Measurement, by.Signer)
	return nil
}

// ask prints the answer, and who has given it.
func ask(ctx context.Context, args []string, stdout io.Writer) error {
	var o options
	args, err := o.parse("ask", args)
	if err != nil || len(args) != 2 || o.owner != "" {
		return errUsage
	}
	s, err := o.service(args[0])
	if err != nil {
		return err
	}
	answer, by, err := s.do(ctx, http.MethodPost, "/answer", []byte(args[1]))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\nby measurement %v of signer %v, TCB %v\n", answer, by.Measurement, by.Signer, by.TCB.Status)
	return nil
}

// do makes a request of a trusted half, and returns its answer and who that
// was.
func (s *service) do(ctx context.Context, method, path string, content []byte) (answer string, by *attest.Report, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+s.address+path, bytes.NewReader(content))
	if err != nil {
		return "", nil, err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", nil, err
	}
	answer = strings.TrimSpace(string(body))
	if response.StatusCode/100 != 2 {
		return "", nil, fmt.Errorf("the service answers %d: %.200q", response.StatusCode, answer)
	}
	by, err = s.verifier.Report(*response.TLS)
	return answer, by, err
}
