// Command trusted is a trusted half that does what its first argument says, and
// has heard of the rest.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
)

func main() {
	what, args := "say", []string(nil)
	if len(os.Args) > 1 {
		what, args = os.Args[1], os.Args[2:]
	}
	switch what {
	case "say":
		fmt.Println("trusted:", strings.Join(args, " "))
		fmt.Fprintln(os.Stderr, "trusted: on stderr")
	case "exit":
		status, _ := strconv.Atoi(args[0])
		os.Exit(status)
	case "echo":
		io.Copy(os.Stdout, os.Stdin)
	case "quote":
		quote()
	case "never":
		fmt.Println("never")
		for {
			time.Sleep(time.Hour)
		}
	}
}

// quote writes a quote of this enclave, raw.
func quote() {
	p, err := enclave.Open()
	if err == nil {
		var q []byte
		if q, err = p.RawQuote(context.Background(), [64]byte{0xDA, 0x7A}); err == nil {
			os.Stdout.Write(q)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
