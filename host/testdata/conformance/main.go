// Command conformance runs the suite of what a connection must carry over the
// one that its host made for it, and reports to that host.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

var report = ocall.Func[string, ocall.None]{Name: "report", Check: ocall.Unchecked[string, ocall.None]}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := conform(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func conform(ctx context.Context) error {
	conn, err := ocall.Dial(ctx, append(ocall.Service{report}, ocalltest.Conformance...))
	if err != nil {
		return err
	}
	defer conn.Close()
	verdict := "conforms"
	if err := ocalltest.Conform(ctx, conn); err != nil {
		verdict = err.Error()
	}
	_, err = report.Call(ctx, conn, verdict)
	return err
}
