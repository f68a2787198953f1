package attest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// A service that verifies all day asks a caching service nearby, remembers what
// it says, and survives a restart while that is down.
func ExampleCache() {
	v := &attest.Verifier{
		Collateral: &attest.Cache{
			Source: &attest.PCS{URL: "https://pccs.example.org:8081/sgx/certification/v4"},
			Dir:    "/var/cache/example/collateral",
			MaxAge: 12 * time.Hour,
		},
	}
	_ = v.TLSConfig()
}

// A bank that wants to know of a weakness on the day it is public.
func ExamplePCS() {
	v := &attest.Verifier{
		Collateral: &attest.Cache{
			Source: &attest.PCS{Update: attest.EarlyUpdate},
			MaxAge: time.Hour,
		},
	}
	_ = v.TLSConfig()
}

// A machine without a network verifies with what another one has fetched. The
// command "cleave collateral fetch" does the same.
func ExampleBundle() {
	quote, err := os.ReadFile("quote.bin")
	if err != nil {
		log.Fatal(err)
	}

	// Where there is a network:
	subject, err := attest.SubjectOf(quote)
	if err != nil {
		log.Fatal(err)
	}
	collateral, err := attest.AzureTHIM().Collateral(context.Background(), subject)
	if err != nil {
		log.Fatal(err)
	}
	file, err := attest.Bundle{subject: collateral}.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}

	// Where there is none:
	bundle, err := attest.ParseBundle(file)
	if err != nil {
		log.Fatal(err)
	}
	v := &attest.Verifier{Collateral: bundle}
	report, err := v.Authenticate(context.Background(), quote)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("a platform that is", report.TCB.Status)
}

// An operator wants to know in time when what is on a disk expires.
func ExampleCollateral_Outline() {
	c, err := attest.Dir("collateral").Collateral(context.Background(), attest.Subject{})
	if err != nil {
		log.Fatal(err)
	}
	outline, err := c.Outline()
	if err != nil {
		log.Fatal(err)
	}
	if left := time.Until(outline.NextUpdate()); left < 7*24*time.Hour {
		fmt.Printf("collateral about %x lasts another %v\n", outline.FMSPC, left)
	}
}
