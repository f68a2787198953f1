package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// Manifest is an enclave.json, with paths as written there. It is made by
// [Load], [Parse] or [Default].
type Manifest struct {
	Exe            string  `json:"exe"`
	Key            string  `json:"key"`
	Debug          bool    `json:"debug"`
	HeapSize       int     `json:"heapSize"` // MB
	ExecutableHeap bool    `json:"executableHeap,omitzero"`
	ProductID      uint16  `json:"productID"`
	SVN            uint16  `json:"securityVersion"`
	Mounts         []Mount `json:"mounts,omitempty"`
	Env            []Env   `json:"env,omitempty"`
	Files          []File  `json:"files,omitempty"`

	dir string // which Exe and Key are relative to
}

// Mount is a file system that the enclave sees at Target.
type Mount struct {
	Source   string `json:"source"` // of a hostfs, relative to the host process
	Target   string `json:"target"`
	Type     string `json:"type"` // "hostfs" or "memfs"
	ReadOnly bool   `json:"readOnly,omitzero"`
}

// Env is an environment variable of the enclave: Value, or what the host has
// if FromHost is set and the host has it.
type Env struct {
	Name     string `json:"name"`
	Value    string `json:"value,omitzero"`
	FromHost bool   `json:"fromHost,omitzero"`
}

// File is written to Target before the program starts. Content is what Source
// held when the manifest was loaded, whatever the manifest says it is, and part
// of the measurement.
type File struct {
	Source  string `json:"source"` // relative to the working directory, not to the manifest
	Target  string `json:"target"`
	Content []byte `json:"content,omitempty"`
}

const (
	maxSize     = 1 << 20 // bytes of an enclave.json
	maxEmbedded = 1 << 30 // bytes of all files
)

var errTooLarge = errors.New("is larger than 1 MiB; put data into files")

// Default is the manifest that EGo writes for an executable that has none: a
// debug enclave with 512 MB, signed with private.pem in the working directory.
func Default(exe string) *Manifest {
	return &Manifest{Exe: exe, Key: "private.pem", Debug: true, HeapSize: 512, ProductID: 1, SVN: 1}
}

// Parse parses an enclave.json of at most 1 MiB. It reads no other file: Exe
// and Key are relative to the working directory, Files lack their content.
func Parse(data []byte) (*Manifest, error) {
	m, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

// Load reads the enclave.json at path and the files it embeds.
func Load(path string) (*Manifest, error) {
	m, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("manifest: %s: %w", path, err)
	}
	return m, nil
}

// Executable is the path of the program. Exe is relative to the manifest's
// directory.
func (m *Manifest) Executable() string { return m.path(m.Exe) }

// OpenExecutable opens the program, which must be a regular file of at most
// 4 GiB.
func (m *Manifest) OpenExecutable() (*os.File, error) {
	f, _, err := openRegular(m.Executable(), maxExecutable)
	if err != nil {
		return nil, fmt.Errorf("manifest: exe: %w", err)
	}
	return f, nil
}

// KeyFile is the path of the signing key. Key is relative to the manifest's
// directory.
func (m *Manifest) KeyFile() string { return m.path(m.Key) }

func (m *Manifest) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(m.dir, name)
}

func parse(data []byte) (*Manifest, error) {
	if len(data) > maxSize {
		return nil, errTooLarge
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m, json.RejectUnknownMembers(true)); err != nil {
		return nil, explain(data, err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func load(path string) (*Manifest, error) {
	data, err := read(path, maxSize)
	if err != nil {
		return nil, err
	}
	m, err := parse(data)
	if err != nil {
		return nil, err
	}
	m.dir = filepath.Dir(path)
	if err := m.embed(); err != nil {
		return nil, err
	}
	return m, nil
}

// embed reads the files of m, which must fit in its heap, and in this
// process's memory.
func (m *Manifest) embed() error {
	room := min(int64(m.HeapSize)<<20, maxEmbedded)
	for i := range m.Files {
		f := &m.Files[i]
		content, err := read(f.Source, room)
		if err != nil {
			return fmt.Errorf("files[%d].source: %w (it is looked for from the working directory)", i, err)
		}
		f.Content = content
		room -= int64(len(content))
	}
	return nil
}
