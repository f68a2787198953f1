package manifest_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

func TestMeasure(t *testing.T) {
	exe := string(bytes.Repeat([]byte("program"), 100000))
	dir := tree(t, map[string]string{
		"enclave.json": full, "server": exe, "ca.pem": "trust me",
		"elsewhere/enclave.json": full, "elsewhere/server": exe,
	})
	load := func(path string) *manifest.Manifest {
		m, err := manifest.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	measure := func(m *manifest.Manifest) [32]byte {
		got, err := m.Measure()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := measure(load("enclave.json"))
	for _, path := range []string{"enclave.json", "elsewhere/enclave.json", filepath.Join(dir, "enclave.json")} {
		if measure(load(path)) != want {
			t.Errorf("%s: the same enclave measures differently", path)
		}
	}

	changes := map[string]func(*manifest.Manifest){
		"exe's name":       func(m *manifest.Manifest) { m.Exe = "./server" },
		"key's name":       func(m *manifest.Manifest) { m.Key = "private.pem" },
		"debug":            func(m *manifest.Manifest) { m.Debug = false },
		"heapSize":         func(m *manifest.Manifest) { m.HeapSize++ },
		"executableHeap":   func(m *manifest.Manifest) { m.ExecutableHeap = false },
		"productID":        func(m *manifest.Manifest) { m.ProductID++ },
		"securityVersion":  func(m *manifest.Manifest) { m.SVN-- },
		"IDs swapped":      func(m *manifest.Manifest) { m.ProductID, m.SVN = m.SVN, m.ProductID },
		"no mounts":        func(m *manifest.Manifest) { m.Mounts = nil },
		"mounts swapped":   func(m *manifest.Manifest) { slices.Reverse(m.Mounts) },
		"mount's source":   func(m *manifest.Manifest) { m.Mounts[0].Source = "/" },
		"mount's target":   func(m *manifest.Manifest) { m.Mounts[0].Target = "/" },
		"mount's type":     func(m *manifest.Manifest) { m.Mounts[0].Type = "memfs" },
		"mount's readOnly": func(m *manifest.Manifest) { m.Mounts[0].ReadOnly = false },
		"no env":           func(m *manifest.Manifest) { m.Env = nil },
		"env's name":       func(m *manifest.Manifest) { m.Env[1].Name = "MODEL" },
		"env's value":      func(m *manifest.Manifest) { m.Env[1].Value = "slow" },
		"env's border":     func(m *manifest.Manifest) { m.Env[1].Name, m.Env[1].Value = "MODEf", "ast" },
		"env's fromHost":   func(m *manifest.Manifest) { m.Env[2].FromHost = false },
		"no files":         func(m *manifest.Manifest) { m.Files = nil },
		"file's source":    func(m *manifest.Manifest) { m.Files[0].Source = "./ca.pem" },
		"file's target":    func(m *manifest.Manifest) { m.Files[0].Target = "/ca.pem" },
		"file's content":   func(m *manifest.Manifest) { m.Files[0].Content[3] ^= 1 },
	}
	seen := map[[32]byte]string{want: "nothing"}
	for name, change := range changes {
		m := load("enclave.json")
		change(m)
		got := measure(m)
		if as, ok := seen[got]; ok {
			t.Errorf("%s changed measures as %s changed", name, as)
		}
		seen[got] = name
	}

	for _, i := range []int{0, len(exe) / 2, len(exe) - 1} {
		changed := []byte(exe)
		changed[i] ^= 1
		tree(t, map[string]string{"enclave.json": full, "server": string(changed), "ca.pem": "trust me"})
		if measure(load("enclave.json")) == want {
			t.Errorf("byte %d of the program does not count", i)
		}
	}
	tree(t, map[string]string{"enclave.json": full, "ca.pem": "trust me"})
	if got, err := load("enclave.json").Measure(); err == nil || got != [32]byte{} || !strings.HasPrefix(err.Error(), "manifest: exe: open server: ") {
		t.Errorf("without a program, %x, %v", got, err)
	}
}
