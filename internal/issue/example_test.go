package issue_test

import (
	"fmt"
	"log"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// A quote and everything that is needed to verify it.
func Example() {
	names, v := issue.SimulatorNames(), issue.Days(time.Now(), 30)
	platform := issue.Platform{FMSPC: [6]byte{0x00, 0x60, 0x6A}, PCESVN: 13}

	authority, err := issue.NewAuthority(names, v)
	if err != nil {
		log.Fatal(err)
	}
	pck, err := authority.PCK(names.PCK, v, platform)
	if err != nil {
		log.Fatal(err)
	}

	var enclave, quoting sgx.ReportBody
	key, err := issue.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	quote := issue.NewQuote(&enclave, &quoting, authority.PCKChain(pck)...)
	if err := quote.BindKey(&key.PublicKey); err != nil {
		log.Fatal(err)
	}
	if err := quote.SignQEReport(pck.Key); err != nil {
		log.Fatal(err)
	}
	if err := quote.Sign(key); err != nil {
		log.Fatal(err)
	}

	info := issue.NewTCBInfo(&platform, v)
	info.Levels[0].Status = "SWHardeningNeeded"
	document, err := info.Sign(authority.TCBSigning)
	if err != nil {
		log.Fatal(err)
	}
	revoked, err := issue.CRL{Validity: v, Number: 1}.Sign(authority.PCKCA)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(quote.Append(nil)) > 432, string(document[:26]), len(revoked) > 0)
	fmt.Println(pck.Certificate.Issuer.CommonName)
	// Output:
	// true {"tcbInfo":{"id":"SGX","ve true
	// Cleave Simulator SGX PCK Platform CA
}

// A certificate that a verifier has to refuse: a CA that may not be one.
func ExampleProfile_Issue() {
	names, v := issue.SimulatorNames(), issue.Days(time.Now(), 30)
	authority, err := issue.NewAuthority(names, v)
	if err != nil {
		log.Fatal(err)
	}
	profile := issue.PCKCA(names.PCKCA, v)
	profile.CA = false
	authority.PCKCA, err = profile.Issue(authority.Root, nil)
	fmt.Println(authority.PCKCA.Certificate.IsCA, err)
	// Output: false <nil>
}
