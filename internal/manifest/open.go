package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is what a manifest is called.
const FileName = "enclave.json"

// Open reads the manifest of what is to run: path is an enclave.json or an
// executable. That of an executable is the one beside it, or else the one in
// the working directory if that names it; without one, it has EGo's defaults,
// with its key beside it. As for ego sign, it is an error if the one beside it
// names another.
func Open(path string) (*Manifest, error) {
	m, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

func open(path string) (*Manifest, error) {
	kind, err := kindOf(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Base(path) == FileName:
		return nil, fmt.Errorf("%w; have one written by cleave init, or name an executable", err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w; name an executable that was built, or an %s", err, FileName)
	case err != nil:
		return nil, err
	case kind == text:
		return loadNamed(path)
	case kind == other:
		return nil, fmt.Errorf("%s is neither an executable (ELF) nor an %s; name one of them", path, FileName)
	}
	beside := filepath.Join(filepath.Dir(path), FileName)
	m, err := loadNamed(beside)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !exists(beside):
		return openElsewhere(path)
	case err != nil:
		return nil, err
	case !same(m.Executable(), path):
		return nil, fmt.Errorf("%s: exe: is %s, not %s; name the enclave.json of what is to run, or keep each program in a directory of its own", beside, m.Exe, path)
	}
	return m, nil
}

// openElsewhere is for an executable with no manifest beside it.
func openElsewhere(path string) (*Manifest, error) {
	m, err := loadNamed(FileName)
	if err == nil && same(m.Executable(), path) {
		return m, nil
	}
	if err != nil && exists(FileName) {
		return nil, err
	}
	m = Default(filepath.Base(path))
	m.dir = filepath.Dir(path)
	return m, nil
}

func loadNamed(path string) (*Manifest, error) {
	m, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// kind is what a file is, as far as its beginning tells.
type kind int

const (
	other kind = iota
	executable
	text // which may be an enclave.json: an object in JSON
)

func kindOf(path string) (kind, error) {
	f, size, err := openRegular(path, maxExecutable)
	if err != nil {
		return other, err
	}
	defer f.Close()
	b := make([]byte, min(size, 512))
	if _, err := io.ReadFull(f, b); err != nil {
		return other, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case bytes.HasPrefix(b, []byte("\x7fELF")):
		return executable, nil
	case size == 0:
		return other, nil
	}
	if lead := bytes.TrimLeft(b, " \t\r\n"); len(lead) == 0 || lead[0] == '{' {
		return text, nil
	}
	return other, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func same(a, b string) bool {
	x, err := os.Stat(a)
	y, other := os.Stat(b)
	return err == nil && other == nil && os.SameFile(x, y)
}

// Generate is the text of the manifest that ego sign writes for an executable
// that has none, to the byte. The path counts from where it is written.
func Generate(exe string) []byte {
	d := Default(exe)
	text, err := json.MarshalIndent(struct {
		Exe             string  `json:"exe"`
		Key             string  `json:"key"`
		Debug           bool    `json:"debug"`
		HeapSize        int     `json:"heapSize"`
		ExecutableHeap  bool    `json:"executableHeap"`
		ProductID       uint16  `json:"productID"`
		SecurityVersion uint16  `json:"securityVersion"`
		Mounts          []Mount `json:"mounts"`
		Env             []Env   `json:"env"`
		Files           []File  `json:"files"`
	}{d.Exe, d.Key, d.Debug, d.HeapSize, d.ExecutableHeap, d.ProductID, d.SVN, nil, nil, nil}, "", " ")
	if err != nil {
		panic(err) // unreachable: text and numbers
	}
	return text
}
