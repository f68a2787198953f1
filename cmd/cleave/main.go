// Command cleave runs trusted halves, says who they are, looks at SGX evidence
// and says whether it can be trusted.
//
//	cleave run [flags] [FILE [ARGS…]]               run a trusted half, by EGo or on the simulator
//	cleave id [flags] FILE                          who an executable, an enclave.json or a signing key is
//	cleave init [EXECUTABLE]                        write the enclave.json that ego sign would
//	cleave inspect [flags] FILE|HOST:PORT           decode evidence; with collateral, say whether it is authentic
//	cleave verify [flags] FILE|HOST:PORT            apply a policy to evidence
//	cleave policy init [flags]                      begin a policy, from evidence or from nothing
//	cleave collateral fetch [flags] QUOTE…          fetch what it takes to verify quotes
//	cleave collateral show [flags] FILE|DIR|URL…    say what that is about, and until when
//	cleave simulator root [flags]                   write the simulated machine's root certificate
//	cleave simulator serve [flags]                  serve its collateral
//	cleave simulator advance [flags] cpu|tcb|revoke rehearse a TCB recovery
//	cleave simulator reset [flags]                  remove it
//	cleave manifest [flags] [FILE]                  write the Kubernetes object that runs a trusted half
//	cleave doctor [flags]                           say what keeps this machine from running a trusted half
//
// Evidence is a quote, bare or as Open Enclave and EGo wrap it, or an attested
// certificate in PEM or DER, from a file or shown by a server. Connecting to a
// server trusts it with nothing.
//
// It exits with
//
//	0    if the answer is yes (for inspect without collateral: if the quote could be decoded), or it is done
//	1    if the answer is no, or it could not be done
//	2    if the question was wrong: bad usage, or input that could not be read
//
// and cleave run with
//
//	n    the trusted half's own status
//	128+n  if signal n ended the trusted half, or cleave run
//	125  if there was nothing to run it with, or it could not be started
//	2    for bad usage
//
// Answers go to standard output, errors to standard error.
package main

import (
	"io"
	"os"
)

// Exit statuses.
const (
	exitYes        = 0
	exitNo         = 1
	exitUsage      = 2
	exitNotStarted = 125
	exitSignal     = 128
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// A command runs with its own arguments.
type command func(args []string, stdout, stderr io.Writer) int

func run(args []string, stdout, stderr io.Writer) int {
	return choose(map[string]command{
		"run":        runProgram,
		"id":         identify,
		"init":       initManifest,
		"inspect":    inspect,
		"verify":     verify,
		"policy":     policy,
		"collateral": collateral,
		"simulator":  simulator,
		"doctor":     examine,
		"manifest":   writeManifest,
	}, usage, args, stdout, stderr)
}
