package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/deploy"
	"github.com/cleave-sdk/cleave/internal/doctor"
)

// diagnosis is the JSON form of "doctor", and an interface: fields are added,
// never changed.
type diagnosis struct {
	Worst    doctor.Status    `json:"worst"`
	FMSPC    string           `json:"fmspc,omitempty"`
	Findings []doctor.Finding `json:"findings"`
}

// examine says what keeps this machine from running a trusted half. Warnings
// alone are a yes: what they are about may be what is wanted.
func examine(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: cleave doctor [flags]: looks and asks, and changes nothing\n"+
			"exit status: 0 if all is ok, or there are warnings alone; 1 if there is a failure; 2 for bad usage, or a FILE that cannot be read\n")
		flags.PrintDefaults()
	}
	asJSON := flags.Bool("json", false, "print as JSON")
	var s suspect
	enclave := flags.String("enclave", "", "compare the memory there is with what the trusted half in `FILE` needs, an enclave.json or an executable")
	flags.Func("fmspc", "ask what Intel says of this kind of CPU, 12 hexadecimal digits `HEX`", text(&s.fmspc))
	flags.StringVar(&s.quote, "quote", "", "ask what Intel says of the CPU that made the quote in `FILE`, or the one that HOST:PORT shows, and verify it")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	node := doctor.Here(askAESM)
	err := s.name(node)
	if err == nil && *enclave != "" {
		node.Enclave, err = deploy.Open(*enclave)
	}
	if err == nil && flags.NArg() != 0 {
		err = errors.New("doctor takes no arguments but its flags: it examines the machine it runs on")
	}
	if err != nil {
		return fail(stderr, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	findings := doctor.Examine(ctx, node)
	d := &diagnosis{doctor.Worst(findings), named(node), findings}
	return d.tell(stdout, stderr, *asJSON)
}

// tell prints it whole, which is a no if it cannot be.
func (d *diagnosis) tell(stdout, stderr io.Writer, asJSON bool) int {
	var out bytes.Buffer
	d.print(&out, asJSON)
	if _, err := stdout.Write(out.Bytes()); err != nil {
		return notDone(stderr, err)
	}
	if d.Worst == doctor.Failure {
		return exitNo
	}
	return exitYes
}

// suspect is how the kind of CPU is named.
type suspect struct {
	fmspc attest.FMSPC
	quote string
}

var errSuspect = errors.New("name the kind of CPU in one way: -fmspc or -quote")

// name tells the node what kind of CPU it has, if anybody has named it.
func (s *suspect) name(n *doctor.Node) error {
	n.Subject.FMSPC = s.fmspc
	switch {
	case s.quote == "":
		return nil
	case s.fmspc != attest.FMSPC{}:
		return errSuspect
	}
	evidence, err := readSubject(s.quote)
	if err == nil {
		err = evidence.err
	}
	if err != nil {
		return err
	}
	if n.Subject, err = attest.SubjectOf(evidence.quote); err != nil {
		return fmt.Errorf("%s: %w", s.quote, err)
	}
	if n.Subject.TEE == attest.SGX {
		n.Quote = evidence.quote
	}
	n.Subject.TEE = attest.SGX // a trust domain's CPU has enclaves too
	return nil
}

// named is the FMSPC in hexadecimal, or empty if nobody has named it.
func named(n *doctor.Node) string {
	if n.Subject.FMSPC == [6]byte{} {
		return ""
	}
	return attest.FMSPC(n.Subject.FMSPC).String()
}

// askAESM is a round trip that makes no quote: the service loads its quoting
// enclave and names it.
func askAESM(ctx context.Context, socket string) (time.Duration, error) {
	client := &aesm.Client{Socket: socket}
	start := time.Now()
	_, err := client.Target(ctx)
	return time.Since(start), err
}

func (d *diagnosis) print(w io.Writer, asJSON bool) {
	printAs(w, asJSON, d, func(t io.Writer) {
		for _, f := range d.Findings {
			fmt.Fprintf(t, "%v\t%s\t%s\n", f.Status, f.Check, oneLine(f.Says))
			if f.Fix != "" {
				fmt.Fprintf(t, "\t\t  fix: %s\n", oneLine(f.Fix))
			}
		}
	})
}

// oneLine keeps a finding, part of which may be a service's or a file's, from
// looking like two, and from moving the columns.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
