package main

import "io"

const collateralUsage = `usage: cleave collateral fetch [flags] QUOTE…
       cleave collateral fetch [flags] -fmspc HEX
       cleave collateral show [flags] FILE|DIR|URL…
`

// collateral fetches what verification needs, or shows it.
func collateral(args []string, stdout, stderr io.Writer) int {
	return choose(map[string]command{
		"fetch": collateralFetch,
		"show":  collateralShow,
	}, collateralUsage, args, stdout, stderr)
}
