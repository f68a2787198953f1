// Command client is the other end of attestedhttp, for its owner and for its
// users. It needs no SGX and runs anywhere.
//
//	client owner FILE                                          make the owner's key, or read it; print its SHA-256 for enclave.json
//	client give -policy POLICY -owner FILE HOST:PORT < VALUE   give a trusted half its value
//	client ask -policy POLICY HOST:PORT MESSAGE                have a message answered
//
// Nothing is sent before the policy has found the trusted half to be one that
// is trusted. It exits with 0 if all went well, with 1 if not, and with 2 for
// bad usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New(`usage: client owner FILE
       client give -policy POLICY -owner FILE [-root PEM -collateral URL] HOST:PORT < VALUE
       client ask -policy POLICY [-root PEM -collateral URL] HOST:PORT MESSAGE`)

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "owner":
		return printOwner(args[1:], stdout)
	case "give":
		return give(ctx, args[1:], stdin, stdout)
	case "ask":
		return ask(ctx, args[1:], stdout)
	}
	return errUsage
}
