package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// initManifest writes the enclave.json that ego sign would.
func initManifest(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("init", flag.ContinueOnError)
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	exe, err := executable(flags.Args())
	if err != nil {
		return fail(stderr, err)
	}
	if err := writeNew(manifest.FileName, manifest.Generate(exe)); err != nil {
		fmt.Fprintln(stderr, "cleave:", err)
		return exitNo
	}
	fmt.Fprintf(stdout, "wrote %s for %s, a debug enclave with 512 MB: set debug to false before there is a secret in it\n", manifest.FileName, exe)
	if _, err := os.Stat(exe); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(stdout, "there is no %s yet: build it before you run or sign it\n", exe)
	}
	return exitYes
}

// executable is the path to write: relative to the working directory, as ego
// sign demands.
func executable(args []string) (string, error) {
	if len(args) == 0 {
		return guess()
	}
	if len(args) > 1 {
		return "", errors.New("init takes one EXECUTABLE, or none if it can be guessed")
	}
	exe := filepath.Clean(args[0])
	if !filepath.IsAbs(exe) {
		return exe, nil
	}
	cwd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.Rel(cwd, exe)
}

// guess finds the one executable that is here, or names the one that go build
// would make.
func guess() (string, error) {
	found, err := executables(".")
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("here are several executables, %s: say which, as in cleave init %s", strings.Join(found, ", "), found[0])
	}
	if name := moduleName("go.mod"); name != "" {
		return name, nil
	}
	return "", errors.New("here is neither an executable nor a go.mod: say which is meant, as in cleave init server")
}

func executables(dir string) (found []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Type().IsRegular() && beginsWith(filepath.Join(dir, e.Name()), "\x7fELF") {
			found = append(found, e.Name())
		}
	}
	return found, err
}

// moduleName is the last element of a module's path, or empty.
func moduleName(file string) string {
	b, err := readFile(file)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(b) {
		if module, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "module "); ok {
			return path.Base(strings.Trim(strings.TrimSpace(module), `"`))
		}
	}
	return ""
}

func beginsWith(name, magic string) bool {
	lead, _, err := readLead(name, len(magic))
	return err == nil && string(lead) == magic
}

// writeNew writes a file that is not there yet, whole or not at all.
func writeNew(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: it is not overwritten", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return err
	}
	return nil
}
