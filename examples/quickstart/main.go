// Command quickstart plays Cleave's main scene: a host launches a trusted
// half, an owner gives it a secret, a client uses it, and everybody who should
// be refused is.
//
//	go run ./examples/quickstart
//
// Without flags it needs no SGX: the trusted half runs on Cleave's simulator.
// On SGX, with the trusted half built by ego-go and signed as the root's
// enclave.json says:
//
//	go run ./examples/quickstart -simulate=false -measurement $(ego uniqueid quickstart-trusted) -signer $(ego signerid public.pem)
//
// It exits with 0 if every step, refusals included, went as it should.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cleave-sdk/cleave/attest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ExitOnError)
	simulate := flags.Bool("simulate", true, "run the trusted half on the simulator, which needs no SGX")
	config := flags.String("config", "enclave.json", "`FILE` that describes the trusted half")
	dir := flags.String("dir", "", "keep the example's files in this `DIR` (default: cleave-quickstart in the user's cache directory)")
	var expected attest.Identity
	flags.TextVar(&expected.Measurement, "measurement", attest.Measurement{}, "the trusted half's measurement, `HEX`; needed on SGX")
	flags.TextVar(&expected.Signer, "signer", attest.Signer{}, "the trusted half's signer, `HEX`; needed on SGX")
	flags.Parse(args)
	expected.ProductID, expected.SVN = 1, 1 // as in enclave.json

	s, err := newStage(*dir)
	if err != nil {
		return err
	}
	if !*simulate && (expected.Measurement == attest.Measurement{} || expected.Signer == attest.Signer{}) {
		return errors.New("on SGX, say with -measurement and -signer whom to expect")
	}
	t := &tour{stage: s, out: out, simulate: *simulate, config: *config, expected: expected}
	if t.simulate {
		if err := s.build(ctx, t.config); err != nil {
			return err
		}
		t.config = s.manifest()
	}
	return t.play(ctx)
}
