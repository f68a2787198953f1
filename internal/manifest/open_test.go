package manifest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/google/go-cmp/cmp"
)

const program = "\x7fELF, as far as anybody looks"

// for a manifest that can be told from the default.
func described(exe string) string {
	return `{"exe": "` + exe + `", "key": "private.pem", "heapSize": 64, "productID": 7}`
}

func TestOpen(t *testing.T) {
	for name, row := range map[string]struct {
		files     map[string]string
		open      string
		exe, key  string
		described bool
	}{
		"a manifest":                  {map[string]string{"a/enclave.json": described("server"), "a/server": program}, "a/enclave.json", "a/server", "a/private.pem", true},
		"a manifest of another name":  {map[string]string{"a/test.json": described("server")}, "a/test.json", "a/server", "a/private.pem", true},
		"an executable":               {map[string]string{"a/server": program}, "a/server", "a/server", "a/private.pem", false},
		"one in the directory":        {map[string]string{"server": program}, "./server", "server", "private.pem", false},
		"with a manifest beside it":   {map[string]string{"a/server": program, "a/enclave.json": described("./server")}, "a/server", "a/server", "a/private.pem", true},
		"with a manifest that has it": {map[string]string{"bin/server": program, "enclave.json": described("bin/server")}, "bin/server", "bin/server", "private.pem", true},
		"with both":                   {map[string]string{"bin/server": program, "enclave.json": "{", "bin/enclave.json": described("server")}, "bin/server", "bin/server", "bin/private.pem", true},
		"beside another's elsewhere":  {map[string]string{"bin/server": program, "enclave.json": described("other"), "other": program}, "bin/server", "bin/server", "bin/private.pem", false},
	} {
		tree(t, row.files)
		m, err := manifest.Open(row.open)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Executable() != row.exe || m.KeyFile() != row.key {
			t.Errorf("%s: program at %s, key at %s", name, m.Executable(), m.KeyFile())
		}
		if got := m.HeapSize == 64 && m.ProductID == 7; got != row.described {
			t.Errorf("%s: %+v", name, m)
		}
		if want := *manifest.Default("server"); !row.described && !cmp.Equal(*m, want, ignoreDir) {
			t.Errorf("%s: not the default: %+v", name, m)
		}
	}
}

// It does not matter from where a program is started.
func TestOpenedProgramsMeasureAlike(t *testing.T) {
	dir := tree(t, map[string]string{"a/server": program})
	var all [][32]byte
	for _, name := range []string{"a/server", "./a/../a/server", filepath.Join(dir, "a", "server")} {
		m, err := manifest.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		measured, err := m.Measure()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, measured)
	}
	if all[0] != all[1] || all[1] != all[2] {
		t.Errorf("%x", all)
	}
}

func TestNotOpened(t *testing.T) {
	tree(t, map[string]string{
		"server": program, "other": program, "enclave.json": described("other"),
		"gone/server": program, "gone/enclave.json": described("gone"),
		"bad/server": program, "bad/enclave.json": `{"heap": 1}`,
		"text": "#!/bin/sh\n", "short": "\x7fEL", "nothing": "", "list": "[]", "spaces": strings.Repeat(" ", 600), "object": strings.Repeat("\n", 600) + "{}",
		"empty/readme": "",
	})
	for file, says := range map[string]string{
		"none":               "open none: no such file or directory; name an executable that was built, or an enclave.json",
		"empty/enclave.json": "no such file or directory; have one written by cleave init, or name an executable",
		".":                  ". is a directory; name a file",
		"server":             "manifest: enclave.json: exe: is other, not server; name the enclave.json",
		"gone/server":        "gone/enclave.json: exe: is gone, not gone/server",
		"bad/server":         "bad/enclave.json: heap: unknown key",
		"text":               "text is neither an executable (ELF) nor an enclave.json",
		"short":              "short is neither",
		"nothing":            "nothing is neither",
		"list":               "list is neither",
		"spaces":             "spaces: ends in the middle",
		"object":             "object: exe: missing",
	} {
		m, err := manifest.Open(file)
		if m != nil || err == nil || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), "manifest: ") != 1 {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := os.WriteFile("enclave.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("bad/enclave.json"); err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Open("bad/server"); err == nil {
		t.Error("a manifest that cannot be read may name the program, and is ignored")
	}
}

func TestGenerate(t *testing.T) {
	const want = `{
 "exe": "bin/server",
 "key": "private.pem",
 "debug": true,
 "heapSize": 512,
 "executableHeap": false,
 "productID": 1,
 "securityVersion": 1,
 "mounts": null,
 "env": null,
 "files": null
}`
	text := manifest.Generate("bin/server")
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	m, err := manifest.Parse(text)
	if err != nil || !cmp.Equal(m, manifest.Default("bin/server"), ignoreDir) {
		t.Errorf("%+v, %v", m, err)
	}
	odd := "a \"b\" <c>"
	var exe struct{ Exe string }
	if err := json.Unmarshal(manifest.Generate(odd), &exe); err != nil || exe.Exe != odd {
		t.Errorf("%q, %v", exe.Exe, err)
	}
}
