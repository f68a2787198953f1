package manifest_test

import (
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const full = `{
	"exe": "server",
	"key": "keys/private.pem",
	"debug": true,
	"heapSize": 1024,
	"executableHeap": true,
	"productID": 7,
	"securityVersion": 65535,
	"mounts": [
		{"source": "/srv/data", "target": "/data", "type": "hostfs", "readOnly": true},
		{"target": "/tmp", "type": "memfs"}
	],
	"env": [
		{"name": "LANG", "fromHost": true},
		{"name": "MODE", "value": "fast"},
		{"name": "LEVEL", "value": "info", "fromHost": true}
	],
	"files": [{"source": "ca.pem", "target": "/etc/ssl/ca.pem"}]
}`

var ignoreDir = cmpopts.IgnoreUnexported(manifest.Manifest{})

func TestParse(t *testing.T) {
	want := &manifest.Manifest{
		Exe: "server", Key: "keys/private.pem", Debug: true, HeapSize: 1024, ExecutableHeap: true, ProductID: 7, SVN: 65535,
		Mounts: []manifest.Mount{
			{Source: "/srv/data", Target: "/data", Type: "hostfs", ReadOnly: true},
			{Target: "/tmp", Type: "memfs"},
		},
		Env: []manifest.Env{
			{Name: "LANG", FromHost: true},
			{Name: "MODE", Value: "fast"},
			{Name: "LEVEL", Value: "info", FromHost: true},
		},
		Files: []manifest.File{{Source: "ca.pem", Target: "/etc/ssl/ca.pem"}},
	}
	got, err := manifest.Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, ignoreDir); diff != "" {
		t.Error(diff)
	}
}

// EGo writes null for lists that are empty.
func TestWhatEGoGenerates(t *testing.T) {
	got, err := manifest.Parse([]byte(`{
 "exe": "server",
 "key": "private.pem",
 "debug": true,
 "heapSize": 512,
 "executableHeap": false,
 "productID": 1,
 "securityVersion": 1,
 "mounts": null,
 "env": null,
 "files": null
}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(manifest.Default("server"), got, ignoreDir); diff != "" {
		t.Error(diff)
	}
}

func TestTruncated(t *testing.T) {
	for n := range len(full) {
		if m, err := manifest.Parse([]byte(full[:n])); m != nil || err == nil || !strings.Contains(err.Error(), "ends in the middle") {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"exe": "server", "key": "private.pem", "heapSize": 512}`))
	f.Add([]byte(`{"exe": "a", "key": "b", "heapSize": 1, "files": [{"source": "a", "target": "/b", "content": "YQ=="}]}`))
	f.Add([]byte(`{"mounts": [{"target": 1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Parse(data)
		if err != nil {
			if m != nil || len(err.Error()) > 4096 {
				t.Errorf("%v, and an error of %d bytes", m, len(err.Error()))
			}
			return
		}
		m.Warnings()
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(written)
		if err != nil {
			t.Fatalf("%s parses, but not as %s: %v", data, written, err)
		}
		if diff := cmp.Diff(m, again, ignoreDir, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
