// Command bridged connects to its host, and then does what its argument says:
// waits for ever, or ends in one way or another.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

var ping = ocall.Func[string, string]{Name: "ping", Check: ocall.Unchecked[string, string]}

func main() {
	if os.Args[1] != "early" {
		conn, err := ocall.Dial(context.Background(), ocall.Service{ping})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(9)
		}
		defer conn.Close()
	}
	end(os.Args[1])
}

func end(how string) {
	status, err := strconv.Atoi(how)
	switch {
	case err == nil:
		os.Exit(status)
	case how == "early":
	case how == "panic":
		panic("as asked")
	case how == "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case how == "environment":
		for _, variable := range os.Environ() {
			fmt.Println(variable)
		}
	case how == "echo":
		io.Copy(os.Stdout, os.Stdin)
	default:
		for {
			time.Sleep(time.Hour)
		}
	}
}
