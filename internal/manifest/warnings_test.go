package manifest_test

import (
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

func TestWarnings(t *testing.T) {
	base := `"exe": "e", "key": "k", `
	tests := map[string]struct{ data, says string }{
		"none":        {`{` + base + `"heapSize": 16384}`, ""},
		"debug":       {`{` + base + `"heapSize": 1, "debug": true}`, "debug: "},
		"large heap":  {`{` + base + `"heapSize": 16385}`, "heapSize: "},
		"host's root": {`{` + base + `"heapSize": 1, "mounts": [{"target": "/", "source": "/", "type": "hostfs"}]}`, "mounts[0]: the whole file system"},
		"memfs root":  {`{` + base + `"heapSize": 1, "mounts": [{"target": "/", "source": "/", "type": "memfs"}]}`, "mounts[0]: the root is a memfs without it"},
		"host's root read-only": {`{` + base + `"heapSize": 1, "mounts": [{"target": "//", "source": "/", "type": "hostfs", "readOnly": true}], "files": []}`,
			"mounts[0]: the whole file system is the host's, and writable, for readOnly is ignored there"},
		"file below a hostfs": {`{` + base + `"heapSize": 1, "mounts": [{"target": "/a/", "source": "x", "type": "hostfs"}], "files": [{"source": "f", "target": "/a/b"}]}`,
			"files[0].target: is below /a/, which is the host's"},
		"file beside a hostfs":      {`{` + base + `"heapSize": 1, "mounts": [{"target": "/a", "source": "x", "type": "hostfs"}], "files": [{"source": "f", "target": "/ab"}]}`, ""},
		"file in a memfs in hostfs": {`{` + base + `"heapSize": 1, "mounts": [{"target": "/a/b", "type": "memfs"}, {"target": "/a", "source": "x", "type": "hostfs"}], "files": [{"source": "f", "target": "/a/b/c"}]}`, ""},
		"absolute exe":              {`{"exe": "/e", "key": "k", "heapSize": 1}`, "exe and key: ego sign takes"},
		"absolute key":              {`{"exe": "e", "key": "/k", "heapSize": 1}`, "exe and key: ego sign takes"},
		"memfs of a directory":      {`{` + base + `"heapSize": 1, "mounts": [{"target": "/a", "source": "/b", "type": "memfs"}]}`, "mounts[0].source: is ignored"},
		"memfs read-only":           {`{` + base + `"heapSize": 1, "mounts": [{"target": "/a", "type": "memfs", "readOnly": true}]}`, "mounts[0].readOnly: "},
		"env of nothing":            {`{` + base + `"heapSize": 1, "env": [{"name": "A"}]}`, "env[0]: A has neither"},
		"env of the host":           {`{` + base + `"heapSize": 1, "env": [{"name": "A", "fromHost": true}]}`, ""},
	}
	for name, test := range tests {
		m, err := manifest.Parse([]byte(test.data))
		if err != nil {
			t.Fatal(err)
		}
		got := m.Warnings()
		if test.says == "" && len(got) != 0 || test.says != "" && (len(got) != 1 || !strings.HasPrefix(got[0], test.says)) {
			t.Errorf("%s: %q, want %q", name, got, test.says)
		}
	}
}
