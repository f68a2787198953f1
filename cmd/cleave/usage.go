package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
)

const usage = `usage: cleave COMMAND [flags] …

  run [FILE [ARGS…]]                 run a trusted half, by EGo or with --simulate
  id FILE                            who an executable, an enclave.json or a signing key is
  init [EXECUTABLE]                  write the enclave.json that ego sign would
  inspect FILE|HOST:PORT             decode evidence; with collateral, is it authentic?
  verify FILE|HOST:PORT              does a policy trust it?
  policy init                        begin a policy, from evidence or from nothing
  collateral fetch QUOTE…            fetch what it takes to verify quotes
  collateral show FILE|DIR|URL…      what that is about, and until when
  simulator root                     write the simulated machine's root certificate
  simulator serve                    serve its collateral
  simulator advance cpu|tcb|revoke   rehearse a TCB recovery
  simulator reset                    remove it
  manifest [FILE]                    write the Kubernetes object that runs a trusted half
  doctor                             what keeps this machine from running a trusted half, and the fix

"cleave help COMMAND" lists a command's flags.

exit status
    0    yes, or done
    1    no, or not done
    2    the question was wrong: bad usage, or input that could not be read
  run    the trusted half's own; 128+n if signal n ended it, or cleave;
         125 if it could not be started; 2 for bad usage
`

// errBadFlags is what package flag has said something of already.
var errBadFlags = errors.New("bad flags")

// choose runs the one of several commands that args begins with.
func choose(commands map[string]command, usage string, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		if c, ok := commands[args[0]]; ok {
			return c(args[1:], stdout, stderr)
		}
		if isHelp(args[0]) {
			return help(commands, usage, args[1:], stdout, stderr)
		}
	}
	fmt.Fprint(stderr, usage)
	return exitUsage
}

func isHelp(arg string) bool {
	return slices.Contains([]string{"help", "-h", "-help", "--help"}, arg)
}

// help prints the usage of a command that is named, or that of all.
func help(commands map[string]command, usage string, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stdout, usage)
		return exitYes
	}
	if c, ok := commands[args[0]]; ok {
		return c(append(args[1:len(args):len(args)], "-h"), stdout, stderr)
	}
	fmt.Fprint(stderr, usage)
	return exitUsage
}

// parseFlags reads the flags of a command. Help that was asked for goes to
// standard output.
func parseFlags(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	var said bytes.Buffer
	flags.SetOutput(&said)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		said.WriteTo(stdout)
		return flag.ErrHelp
	case err != nil:
		said.WriteTo(stderr)
		return errBadFlags
	}
	return nil
}

// fail reports a question that was wrong, unless it was a call for help.
func fail(stderr io.Writer, err error) int {
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitYes
	case !errors.Is(err, errBadFlags):
		fmt.Fprintln(stderr, "cleave:", err)
	}
	return exitUsage
}
