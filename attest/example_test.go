package attest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// A client that connects only to enclaves of one signer and product.
func ExampleVerifier() {
	signer, err := attest.ParseSigner("ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a")
	if err != nil {
		log.Fatal(err)
	}
	v := &attest.Verifier{Policy: attest.Policy{
		Products: []attest.Product{attest.SignedBy(signer, 1, 2)},
	}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: v.TLSConfig()}}
	resp, err := client.Get("https://vault.example.org/")
	if err != nil {
		log.Fatal(err) // says what the peer is, if it is an enclave at all
	}
	defer resp.Body.Close()
	report, err := v.Report(*resp.TLS)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("connected to version", report.SVN, "on a platform that is", report.TCB.Status)
}

// A policy in a file, and what becomes of a mistake in it.
func ExamplePolicy() {
	file := `{
		"builds": ["6ec5c6bf9d9d5c7c4aaaa5bbdcd0a3e7d3b0c5dd8cd2e2b52c1bd1f4fdd5b1a7"],
		"products": [{"signer": "ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a", "product": 1, "minSVN": 2}],
		"tcb": ["UpToDate"]
	}`
	var p attest.Policy
	if err := json.Unmarshal([]byte(file), &p); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Builds[0])
	fmt.Println(p.Products[0])
	fmt.Println(p.TCB)

	var forgotten attest.Policy
	err := json.Unmarshal([]byte(strings.Replace(file, `, "minSVN": 2`, "", 1)), &forgotten)
	fmt.Println(err != nil, len(forgotten.Products))
	// Output:
	// 6ec5c6bf9d9d5c7c4aaaa5bbdcd0a3e7d3b0c5dd8cd2e2b52c1bd1f4fdd5b1a7
	// signer ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a product 1 SVN 2 or later
	// [UpToDate]
	// true 0
}

func ExampleParseMeasurement() {
	m, err := attest.ParseMeasurement("6EC5C6BF9D9D5C7C4AAAA5BBDCD0A3E7D3B0C5DD8CD2E2B52C1BD1F4FDD5B1A7")
	fmt.Println(m, err)
	_, err = attest.ParseMeasurement("6EC5C6BF")
	fmt.Println(err)
	// Output:
	// 6ec5c6bf9d9d5c7c4aaaa5bbdcd0a3e7d3b0c5dd8cd2e2b52c1bd1f4fdd5b1a7 <nil>
	// attest: a measurement is 64 hexadecimal digits, not 8 characters
}

// The zero policy trusts nobody.
func ExamplePolicy_Check() {
	var p attest.Policy
	err := p.Check(&attest.Report{TCB: attest.TCB{Status: attest.UpToDate}})
	var refused *attest.PolicyError
	if errors.As(err, &refused) {
		fmt.Println(refused.Rule)
		fmt.Println("wanted", refused.Wanted)
	}
	// Output:
	// builds, products
	// wanted nothing: the policy names no enclave, so it trusts none
}

// A policy file with comments, as `cleave policy init` writes it, for a service
// whose evidence is verified where the time is the host's.
func ExampleParsePolicy() {
	p, err := attest.ParsePolicy([]byte(`
		// Version 2 of our vault, or any later one.
		{
			"products": [{"signer": "ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a", "product": 1, "minSVN": 2}],
			// What Intel knew in 2024, at least.
			"minEvaluation": 17,
			"minTCBDate": "2024-03-13",
			"grace": "24h"
		}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Products[0])
	fmt.Println(p.MinEvaluation, p.MinTCBDate.Format(time.DateOnly), p.Grace)

	_, err = attest.ParsePolicy([]byte(`{"products": [{"signer": "ca9a", "product": 1, "minSVN": 2}]}`))
	fmt.Println(err)
	// Output:
	// signer ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a product 1 SVN 2 or later
	// 17 2024-03-13 24h0m0s
	// attest: policy: products[0].signer: a signer is 64 hexadecimal digits, not 4 characters
}

// What a caller does about an error depends on its kind alone.
func Example_errors() {
	v := &attest.Verifier{}
	_, err := v.Verify(context.Background(), []byte("not a quote"), attest.ReportData("example.org/enrol v1", nil))
	switch {
	case errors.Is(err, attest.ErrCollateral):
		fmt.Println("try again later, or another source")
	case errors.Is(err, attest.ErrPolicy):
		fmt.Println("a genuine enclave, but not one of ours")
	default:
		fmt.Println("do not talk to it:", err)
	}
	// Output:
	// do not talk to it: attest: malformed evidence: 11 bytes are too few for a quote; have it sent again, whole (UNSUPPORTED_QUOTE_FORMAT)
}
