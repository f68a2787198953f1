package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// fetch is what "collateral fetch" is told.
type fetch struct {
	source   *attest.PCS
	subjects []attest.Subject
	output   string
}

// collateralFetch writes a bundle with what some quotes, or a kind of
// platform, are verified with.
func collateralFetch(args []string, stdout, stderr io.Writer) int {
	f, err := parseFetch(args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	bundle, err := f.bundle(context.Background(), stderr)
	if err != nil {
		fmt.Fprintln(stderr, "cleave:", err)
		return exitNo
	}
	if err := f.write(bundle, stdout); err != nil {
		return fail(stderr, err)
	}
	return exitYes
}

func parseFetch(args []string, stdout, stderr io.Writer) (*fetch, error) {
	flags := flag.NewFlagSet("collateral fetch", flag.ContinueOnError)
	var f fetch
	var s subjectFlags
	s.register(flags)
	source := flags.String("source", "intel", "`SOURCE` to ask: intel, azure, alibaba:REGION, alibaba-vpc:REGION, or the URL of a service with Intel's paths")
	update := flags.String("update", "", "Intel's judgements after a TCB recovery: `early` or standard")
	flags.StringVar(&f.output, "o", "", "write the bundle to `FILE` instead of standard output")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return nil, err
	}
	if (s.fmspc != "") == (flags.NArg() > 0) {
		return nil, errors.New("say for what to fetch, in one way: QUOTE…, after the flags, or -fmspc HEX")
	}
	return &f, errors.Join(f.ask(*source, *update), f.about(s, flags.Args()))
}

func (f *fetch) ask(source, update string) (err error) {
	f.source, err = service(source)
	switch {
	case err != nil:
		return err
	case f.source == nil:
		return fmt.Errorf("-source %q is none: give intel, azure, alibaba:REGION, alibaba-vpc:REGION or a URL", source)
	case update != "" && update != string(attest.EarlyUpdate) && update != string(attest.StandardUpdate):
		return fmt.Errorf("-update %q is neither early nor standard", update)
	}
	f.source.Update = attest.Update(update)
	return nil
}

// about finds out for what to fetch, once for each kind of platform.
func (f *fetch) about(s subjectFlags, quotes []string) error {
	if s.fmspc != "" {
		subject, err := s.subject()
		f.subjects = []attest.Subject{subject}
		return err
	}
	for _, name := range quotes {
		b, err := readFile(name)
		if err != nil {
			return err
		}
		subject, err := attest.SubjectOf(b)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !slices.Contains(f.subjects, subject) {
			f.subjects = append(f.subjects, subject)
		}
	}
	return nil
}

// bundle fetches, and says how it goes on, in a line for each platform.
func (f *fetch) bundle(ctx context.Context, progress io.Writer) (attest.Bundle, error) {
	bundle := attest.Bundle{}
	for i, s := range f.subjects {
		fmt.Fprintf(progress, "%d of %d: %v… ", i+1, len(f.subjects), s)
		c, err := f.source.Collateral(ctx, s)
		if err == nil {
			var o *attest.Outline
			if o, err = c.Outline(); err == nil {
				fmt.Fprintf(progress, "evaluation %d, next update %s\n", min(o.TCBInfo.Evaluation, o.QEIdentity.Evaluation), o.NextUpdate().UTC().Format(time.DateOnly))
			}
		}
		if err != nil {
			fmt.Fprintln(progress, "failed")
			return nil, err
		}
		bundle[s] = c
	}
	return bundle, nil
}

func (f *fetch) write(bundle attest.Bundle, stdout io.Writer) error {
	text, err := bundle.MarshalJSON()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	if f.output != "" {
		return os.WriteFile(f.output, b.Bytes(), 0o644)
	}
	_, err = stdout.Write(b.Bytes())
	return err
}
