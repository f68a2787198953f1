package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/cleave-sdk/cleave/sealing"
)

// sealed is what can be said of a sealed file without opening it. Its JSON
// form is an interface: fields are added, never changed.
type sealed struct {
	Sealed      bool     `json:"sealed"` // always: tells it from a verdict
	Version     int      `json:"version"`
	Binding     string   `json:"binding"`
	Separation  string   `json:"separation"`
	Source      string   `json:"source"`
	SVN         uint16   `json:"svn"`
	CPUSVN      string   `json:"cpuSVN"`
	ConfigSVN   uint16   `json:"configSVN"`
	Size        int64    `json:"size"` // of the plaintext
	Chunks      int64    `json:"chunks"`
	Digest      string   `json:"digest"`
	Predecessor string   `json:"predecessor"` // or empty
	Needs       []string `json:"needs"`
	Error       string   `json:"error"`
}

// isSealed reports whether the last argument names a sealed file.
func isSealed(args []string) bool {
	if len(args) == 0 {
		return false
	}
	name := args[len(args)-1]
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return false // looking at a pipe would take from it
	}
	lead, _, err := readLead(name, len(sealing.Magic))
	return err == nil && string(lead) == sealing.Magic
}

// readLead returns what a file starts with, at most n bytes, and its size. The
// file may be of any size.
func readLead(name string, n int) (lead []byte, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	lead, err = io.ReadAll(io.LimitReader(f, int64(n)))
	return lead, info.Size(), err
}

// inspectSealed explains a sealed file. It has no key, so that it cannot say
// whether any of it is true.
func inspectSealed(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print as JSON")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	if flags.NArg() != 1 {
		return fail(stderr, errors.New("inspect takes one FILE, after the flags"))
	}
	lead, size, err := readLead(flags.Arg(0), sealing.LeadSize)
	if err != nil {
		return fail(stderr, err)
	}
	h, err := sealing.Info(lead)
	if err != nil {
		return fail(stderr, err)
	}
	s := explain(h, size)
	s.print(stdout, *asJSON)
	if s.Error != "" {
		return exitNo
	}
	return exitYes
}

func explain(h sealing.Header, size int64) *sealed {
	s := &sealed{
		Sealed:     true,
		Version:    h.Version,
		Binding:    h.Binding.String(),
		Separation: h.Separation.String(),
		Source:     h.Level.Source.String(),
		SVN:        h.Level.SVN,
		CPUSVN:     hex.EncodeToString(h.Level.CPUSVN[:]),
		ConfigSVN:  h.Level.ConfigSVN,
		Digest:     hex.EncodeToString(h.Digest[:]),
		Needs:      needs(h),
	}
	if h.Predecessor != [32]byte{} {
		s.Predecessor = hex.EncodeToString(h.Predecessor[:])
	}
	var err error
	if s.Size, s.Chunks, err = h.Size(size); err != nil {
		s.Error = err.Error()
	}
	return s
}

// needs lists what it takes to open a file with that header.
func needs(h sealing.Header) []string {
	l, list := h.Level, []string{"the enclave that sealed it, bit for bit"}
	if h.Binding == sealing.ToSigner {
		list[0] = "an enclave of the same signer and product"
	}
	if l.Source == sealing.SourceFixed {
		return append(list, "the platform's same fixed key", "the same additional data")
	}
	if h.Binding == sealing.ToSigner {
		list[0] += fmt.Sprintf(", with security version %d or later", l.SVN)
	}
	for _, by := range []struct {
		separation sealing.Separation
		what       string
	}{
		{sealing.ByFamily, "of the same family"},
		{sealing.ByExtendedProduct, "of the same extended product ID"},
		{sealing.ByConfig, fmt.Sprintf("with the same configuration, in version %d or later", l.ConfigSVN)},
	} {
		if h.Separation&by.separation != 0 {
			list[0] += ", " + by.what
		}
	}
	return append(list,
		"the same machine, with microcode at least as new",
		"the same debug attribute",
		"the same additional data, for a File its Name")
}

func (s *sealed) print(w io.Writer, asJSON bool) {
	printAs(w, asJSON, s, func(t io.Writer) {
		add := func(name, format string, a ...any) {
			fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, a...))
		}
		add("sealed file", "format version %d", s.Version)
		add("binding", "%s, separation %s", s.Binding, s.Separation)
		add("keys", "%s", s.Source)
		if s.Source == sealing.SourceCPU.String() {
			add("sealed by", "security version %d, configuration version %d", s.SVN, s.ConfigSVN)
			add("sealed on", "CPUSVN %s", s.CPUSVN)
		}
		if s.Error == "" {
			add("content", "%d bytes in %d chunks", s.Size, s.Chunks)
		} else {
			add("content", "NO: %s", s.Error)
		}
		add("digest", "%s", s.Digest)
		if s.Predecessor != "" {
			add("replaces", "%s, under a guard that knows the latest", s.Predecessor)
		}
		for _, what := range s.Needs {
			add("needs", "%s", what)
		}
		add("authentic", "not checked: whatever it says, only its key can tell")
	})
}
