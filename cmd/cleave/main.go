// Command cleave looks at SGX evidence and says whether it can be trusted.
//
//	cleave inspect [flags] FILE    decode a quote; with collateral, say whether it is authentic
//	cleave verify [flags] FILE     apply a policy to a quote
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
		"inspect": inspect,
		"verify":  verify,
	}
	if len(args) > 0 {
		if c, ok := commands[args[0]]; ok {
			return c(args[1:], stdout, stderr)
		}
	}
	fmt.Fprint(stderr, "usage: cleave inspect [flags] FILE\n       cleave verify [flags] FILE\n\n\"cleave COMMAND -h\" lists a command's flags.\n")
	return exitUsage
}

// fail reports a question that was wrong.
func fail(stderr io.Writer, err error) int {
	if !errors.Is(err, flag.ErrHelp) { // flag has printed its own
		fmt.Fprintln(stderr, "cleave:", err)
	}
	return exitUsage
}
