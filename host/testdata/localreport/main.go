// Command localreport makes and checks local reports.
//
//	target               prints this enclave's target info
//	report TARGET DATA   prints a report of DATA for TARGET
//	verify REPORT DATA   prints whose report of DATA for this enclave it is
package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/cleave-sdk/cleave/enclave"
)

const purpose = "localreport v1"

func main() {
	if err := run(context.Background(), os.Args[1], append(os.Args[2:], "", "")); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, what string, args []string) error {
	p, err := enclave.Open()
	if err != nil {
		return err
	}
	if what == "target" {
		fmt.Printf("%x\n", p.Target())
		return nil
	}
	b, err := hex.DecodeString(args[0])
	if err != nil {
		return err
	}
	if what == "report" {
		report, err := p.LocalReport(ctx, b, purpose, []byte(args[1]))
		fmt.Printf("%x\n", report)
		return err
	}
	report, err := p.VerifyLocalReport(ctx, b, purpose, []byte(args[1]))
	if err != nil {
		return err
	}
	fmt.Printf("%v %d %d\n", report.Measurement, report.ProductID, report.SVN)
	return nil
}
