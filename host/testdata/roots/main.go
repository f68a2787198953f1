// Command roots verifies a quote of its own machine by whatever collateral its
// host offers it, on every way there is, and prints what came of each. The host
// offers it a root on all of them too, which it takes from none: only from what
// has been measured with it.
//
//	roots SERVICE BUNDLE FILE
package main

import (
	"context"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/host/testdata/roots/offer"
	"github.com/cleave-sdk/cleave/ocall"
)

// embedded is part of the executable, and empty unless a build puts something
// in its place.
//
//go:embed root.pem
var embedded []byte

// measured is the root that the executable or its enclave.json has: a variable
// with a fixed value there. Without one it is Intel's.
func measured() *x509.Certificate {
	for _, text := range [][]byte{embedded, []byte(os.Getenv("MEASURED_ROOT"))} {
		if block, _ := pem.Decode(text); block != nil {
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				log.Fatal(err)
			}
			return cert
		}
	}
	return nil
}

const purpose = "roots v1"

func main() {
	ctx := context.Background()
	p, err := enclave.Open()
	if err != nil {
		log.Fatal(err)
	}
	quote, err := p.Quote(ctx, purpose, nil)
	if err != nil {
		log.Fatal(err)
	}
	for name, source := range sources(ctx) {
		v := attest.Verifier{
			Policy:     attest.Policy{Builds: []attest.Measurement{p.Identity().Measurement}},
			Root:       measured(),
			Collateral: source,
		}
		_, err := v.Verify(ctx, quote, attest.ReportData(purpose, nil))
		fmt.Println(name, kind(err))
	}
}

func kind(err error) string {
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, attest.ErrForged):
		return "forged"
	}
	return err.Error()
}

// sources are where collateral can come from, all of them the host's.
func sources(ctx context.Context) map[string]attest.Source {
	conn, err := ocall.Dial(ctx, offer.Service)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := offer.Bundle.Call(ctx, conn, "")
	if err != nil {
		log.Fatal(err)
	}
	root, err := offer.Root.Call(ctx, conn, "")
	fmt.Println("offered", len(root), err)
	return map[string]attest.Source{
		"service":     &attest.PCS{URL: os.Args[1], Retries: -1},
		"argument":    bundle([]byte(os.Args[2])),
		"ocall":       bundle(answer),
		"environment": bundle([]byte(os.Getenv("EDG_BUNDLE"))),
		"file":        bundle(file(os.Args[3])),
	}
}

func bundle(text []byte) attest.Source {
	b, err := attest.ParseBundle(text)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

// file is on the host's file system, mounted or not.
func file(path string) []byte {
	b, err := os.ReadFile("/host/bundle.json")
	if err != nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		log.Fatal(err)
	}
	return b
}
