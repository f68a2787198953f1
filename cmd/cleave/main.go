// Command cleave looks at SGX evidence and says whether it can be trusted.
//
//	cleave inspect [flags] FILE|HOST:PORT           decode evidence; with collateral, say whether it is authentic
//	cleave verify [flags] FILE|HOST:PORT            apply a policy to evidence
//	cleave policy init [flags]                      begin a policy, from evidence or from nothing
//	cleave collateral fetch [flags] QUOTE…          fetch what it takes to verify quotes
//	cleave collateral show [flags] FILE|DIR|URL…    say what that is about, and until when
//
// Evidence is a quote, bare or as Open Enclave and EGo wrap it, or an attested
// certificate in PEM or DER, from a file or shown by a server. Connecting to a
// server trusts it with nothing.
//
// It exits with 0 if the answer is yes (for inspect without collateral: if the
// quote could be decoded), with 1 if it is no, and with 2 if the question was
// wrong: bad usage, or input that could not be read. Verdicts go to standard
// output, errors to standard error.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit statuses.
const (
	exitYes   = 0
	exitNo    = 1
	exitUsage = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// A command runs with its own arguments.
type command func(args []string, stdout, stderr io.Writer) int

func run(args []string, stdout, stderr io.Writer) int {
	commands := map[string]command{
		"inspect":    inspect,
		"verify":     verify,
		"collateral": collateral,
		"policy":     policy,
	}
	if len(args) > 0 {
		if c, ok := commands[args[0]]; ok {
			return c(args[1:], stdout, stderr)
		}
	}
	fmt.Fprint(stderr, "usage: cleave inspect [flags] FILE|HOST:PORT\n       cleave verify [flags] FILE|HOST:PORT\n       cleave policy init [-from FILE|HOST:PORT] [flags]\n       cleave collateral fetch [flags] QUOTE…\n       cleave collateral show [flags] FILE|DIR|URL…\n\n\"cleave COMMAND -h\" lists a command's flags.\n")
	return exitUsage
}

// fail reports a question that was wrong.
func fail(stderr io.Writer, err error) int {
	if !errors.Is(err, flag.ErrHelp) { // flag has printed its own
		fmt.Fprintln(stderr, "cleave:", err)
	}
	return exitUsage
}
