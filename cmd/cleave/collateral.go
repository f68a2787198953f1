package main

import (
	"fmt"
	"io"
)

// collateral fetches what verification needs, or shows it.
func collateral(args []string, stdout, stderr io.Writer) int {
	commands := map[string]command{
		"fetch": collateralFetch,
		"show":  collateralShow,
	}
	if len(args) > 0 {
		if c, ok := commands[args[0]]; ok {
			return c(args[1:], stdout, stderr)
		}
	}
	fmt.Fprint(stderr, "usage: cleave collateral fetch [flags] QUOTE…\n       cleave collateral fetch [flags] -fmspc HEX\n       cleave collateral show [flags] FILE|DIR|URL…\n")
	return exitUsage
}
