package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// show is what "collateral show" is told.
type show struct {
	names   []string
	subject subjectFlags
	root    *x509.Certificate // nil for Intel's
	time    func() time.Time
	json    bool
}

// collateralShow says what collateral is about, until when, and whether it is
// signed under Intel's root.
func collateralShow(args []string, stdout, stderr io.Writer) int {
	s, err := parseShow(args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	var all []*exhibit
	for _, name := range s.names {
		exhibits, err := s.exhibits(name)
		if err != nil {
			return fail(stderr, err)
		}
		all = append(all, exhibits...)
	}
	if s.json {
		printJSON(stdout, map[string]any{"collateral": append([]*exhibit{}, all...)})
	} else {
		printText(stdout, all)
	}
	for _, e := range all {
		if !e.Signed || !e.Valid {
			return exitNo
		}
	}
	return exitYes
}

func parseShow(args []string, stdout, stderr io.Writer) (*show, error) {
	flags := flag.NewFlagSet("collateral show", flag.ContinueOnError)
	s := show{time: time.Now}
	s.subject.register(flags)
	at := flags.String("time", "", "judge at this `TIME`, RFC 3339 or Unix seconds, instead of now")
	roots := flags.String("roots", "", "expect the root certificate in this `PEM` file instead of Intel's")
	flags.BoolVar(&s.json, "json", false, "print JSON")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return nil, err
	}
	if flags.NArg() == 0 {
		return nil, errors.New("collateral show takes FILE, DIR or URL, one or several, after the flags")
	}
	s.names = flags.Args()
	return &s, errors.Join(set(&s.root, *roots, readRoot), set(&s.time, *at, readTime))
}

// exhibits opens what a name stands for. A folder says itself what it is about.
func (s *show) exhibits(name string) (all []*exhibit, err error) {
	source, err := readCollateral(name)
	if err != nil {
		return nil, err
	}
	var subject attest.Subject
	bundle, several := source.(attest.Bundle)
	_, folder := source.(attest.Dir)
	switch {
	case several:
		for _, subject := range bundle.Subjects() {
			all = append(all, s.exhibit(name, subject.CA, bundle[subject]))
		}
		return all, nil
	case !folder && s.subject.fmspc == "":
		return nil, fmt.Errorf("%s is a service: say about what to ask it, with -fmspc HEX", name)
	case !folder:
		if subject, err = s.subject.subject(); err != nil {
			return nil, err
		}
	}
	c, err := source.Collateral(context.Background(), subject)
	if err != nil {
		return nil, err
	}
	return []*exhibit{s.exhibit(name, subject.CA, c)}, nil
}

func printText(w io.Writer, all []*exhibit) {
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, line := range e.lines() {
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
		t.Flush()
	}
}
