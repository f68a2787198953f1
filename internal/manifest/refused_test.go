package manifest_test

import (
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

func TestRefused(t *testing.T) {
	// each is a change to a good manifest, and what the error must name
	base := `{"exe": "server", "key": "private.pem", "heapSize": 512, "productID": 1, "securityVersion": 1`
	with := func(members string) string { return base + ", " + members + "}" }
	tests := map[string]struct{ data, says string }{
		"empty":               {"", "ends in the middle"},
		"zero manifest":       {"{}", `exe: missing; write the path of the program`},
		"null":                {"null", "exe: missing"},
		"a list":              {"[]", "the whole: is a list; write an object"},
		"a string":            {`"server"`, "write an object"},
		"cut":                 {base, "ends in the middle"},
		"more after it":       {base + "} {}", "line 1: "},
		"no comma":            {"{\n\"exe\": \"a\"\n\"key\": \"b\"}", "line 3: "},
		"comma at the end":    {base + ",}", "line 1: "},
		"comment":             {base + "} // yes", "line 1: "},
		"invalid UTF-8":       {with(`"exe2": "` + "\xff" + `"`), "manifest: "},
		"no exe":              {`{"key": "k", "heapSize": 1}`, "exe: missing"},
		"no key":              {`{"exe": "e", "heapSize": 1}`, "key: missing"},
		"no heapSize":         {`{"exe": "e", "key": "k"}`, "heapSize: missing"},
		"zero heapSize":       {`{"exe": "e", "key": "k", "heapSize": 0}`, "heapSize: missing"},
		"negative heapSize":   {`{"exe": "e", "key": "k", "heapSize": -512}`, "heapSize: is -512; write a whole number of MB, from 1 to 16384, such as 512"},
		"huge heapSize":       {`{"exe": "e", "key": "k", "heapSize": 1048577}`, "heapSize: is 1048577; write"},
		"heapSize in words":   {`{"exe": "e", "key": "k", "heapSize": "512"}`, `heapSize: is a string; write a whole number of MB`},
		"heapSize with unit":  {`{"exe": "e", "key": "k", "heapSize": 1.5}`, "heapSize: is 1.5; write a whole number of MB"},
		"exe a number":        {`{"exe": 1}`, "exe: is a number; write a string"},
		"debug a string":      {with(`"debug": "false"`), `debug: is a string; write true or false`},
		"heapSize true":       {`{"heapSize": true}`, "heapSize: is true or false; write"},
		"debug a number":      {with(`"debug": 0`), "debug: is a number; write true or false"},
		"productID twice":     {with(`"productID": 2`), "productID: is given twice"},
		"productID too large": {`{"productID": 65536}`, "productID: is 65536; write a whole number from 0 to 65535"},
		"productID negative":  {`{"productID": -1}`, "productID: is -1; write a whole number from 0 to 65535"},
		"SVN too large":       {`{"securityVersion": 70000}`, "securityVersion: is 70000; write"},
		"SVN negative":        {`{"securityVersion": -1}`, "securityVersion: is -1; write"},
		"SVN fraction":        {`{"securityVersion": 1.0}`, "securityVersion: is 1.0; write"},
		"unknown key":         {with(`"heap": 1`), "heap: unknown key; known here are exe, key, debug, heapSize,"},
		"key in other case":   {with(`"Debug": true`), "Debug: unknown key; write debug"},
		"odd key":             {with(`"a b": 1`), `"a b": unknown key`},
		"long key":            {with(`"` + strings.Repeat("x", 1000) + `": 1`), `"xxxx`},

		"mounts an object":         {with(`"mounts": {}`), "mounts: is an object; write a list of objects"},
		"mount a string":           {with(`"mounts": ["/data"]`), "mounts[0]: is a string; write an object"},
		"mount null":               {with(`"mounts": [null]`), "mounts[0].target: "},
		"mount of unknown key":     {with(`"mounts": [{"readonly": true}]`), "mounts[0].readonly: unknown key; write readOnly"},
		"mount without target":     {with(`"mounts": [{"type": "memfs"}]`), `mounts[0].target: is ""; write an absolute path`},
		"mount of relative target": {with(`"mounts": [{"target": "data", "type": "memfs"}]`), `mounts[0].target: is "data"`},
		"mount without type":       {with(`"mounts": [{"target": "/data"}]`), `mounts[0].type: is ""; write "hostfs" or "memfs"`},
		"mount of bad type":        {with(`"mounts": [{"target": "/data", "type": "nfs"}]`), `mounts[0].type: is "nfs"; write "hostfs" or "memfs"`},
		"mount of type in case":    {with(`"mounts": [{"target": "/data", "type": "HostFS"}]`), `is "HostFS"`},
		"hostfs without source":    {with(`"mounts": [{"target": "/data", "type": "hostfs"}]`), "mounts[0].source: missing"},
		"mounted twice":            {with(`"mounts": [{"target": "/a", "type": "memfs"}, {"target": "/a", "type": "memfs"}]`), "mounts[1].target: /a is mounted twice"},
		"mounted twice, spelt two ways": {
			with(`"mounts": [{"target": "/a", "type": "memfs"}, {"target": "/b/../a/", "type": "memfs"}]`), "mounts[1].target: /a is mounted twice"},
		"mount with zero byte": {with(`"mounts": [{"target": "/a\u0000b", "type": "memfs"}]`), "zero byte"},

		"env a map":              {with(`"env": {"A": "b"}`), "env: is an object; write a list"},
		"env of unknown key":     {with(`"env": [{"name": "A", "fromhost": true}]`), "env[0].fromhost: unknown key; write fromHost"},
		"env value a number":     {with(`"env": [{"name": "A", "value": 1}]`), "env[0].value: is a number; write a string"},
		"env key twice":          {with(`"env": [{"name": "A", "name": "B"}]`), "env[0].name: is given twice"},
		"env without name":       {with(`"env": [{"value": "x"}]`), "env[0].name: missing"},
		"env name with =":        {with(`"env": [{"name": "A=b"}]`), `env[0].name: "A=b" contains '='; write what comes after it as value`},
		"env twice":              {with(`"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}, {"name": "A", "fromHost": true}]`), `env[2].name: "A" is listed twice`},
		"env name, zero byte":    {with(`"env": [{"name": "A\u0000"}]`), "zero byte"},
		"env value, zero byte":   {with(`"env": [{"name": "A", "value": "\u0000"}]`), "zero byte"},
		"file without source":    {with(`"files": [{"target": "/a"}]`), "files[0].source: missing"},
		"file without target":    {with(`"files": [{"source": "a"}]`), `files[0].target: is ""; write the absolute path of a file`},
		"file of relative path":  {with(`"files": [{"source": "a", "target": "a"}]`), `files[0].target: is "a"`},
		"file that is the root":  {with(`"files": [{"source": "a", "target": "/."}]`), `files[0].target: is "/."`},
		"file written twice":     {with(`"files": [{"source": "a", "target": "/a"}, {"source": "b", "target": "//a"}]`), "files[1].target: /a is written twice"},
		"file with zero byte":    {with(`"files": [{"source": "a\u0000", "target": "/a"}]`), "zero byte"},
		"file of unknown key":    {with(`"files": [{"path": "a"}]`), "files[0].path: unknown key; known here are source, target"},
		"file, content no bytes": {with(`"files": [{"source": "a", "target": "/a", "content": "!"}]`), "files[0].content: "},
		"file below a read-only mount": {
			with(`"mounts": [{"target": "/a", "type": "memfs"}, {"source": "x", "target": "/a/b", "type": "hostfs", "readOnly": true}], "files": [{"source": "f", "target": "/a/c"}, {"source": "f", "target": "/a/b/c"}]`),
			"files[1].target: /a/b/c is below /a/b, which is mounted read-only"},
		"exe of two lines":     {`{"exe": "a\ncleave: simulator root: b", "key": "k", "heapSize": 1}`, `exe: is "a\ncleave: simulator root: b"; choose a name`},
		"key with escapes":     {`{"exe": "e", "key": "\u001b[2J", "heapSize": 1}`, `key: is "\x1b[2J"; choose a name`},
		"exe of C1 controls":   {`{"exe": "a\u009b2Jb", "key": "k", "heapSize": 1}`, `exe: is "a\u009b2Jb"`},
		"exe written backward": {`{"exe": "a\u202eb", "key": "k", "heapSize": 1}`, `exe: is "a\u202eb"`},
		"mount of two lines":   {with(`"mounts": [{"target": "/a\nb", "type": "memfs"}]`), `mounts[0].source: or target is " /a\nb"; choose`},
		"hostfs of two lines":  {with(`"mounts": [{"target": "/a", "source": "a\rb", "type": "hostfs"}]`), `mounts[0].source: or target is "a\rb /a"`},
		"env of two lines":     {with(`"env": [{"name": "A\nB"}]`), `env[0].name: is "A\nB"; choose`},
		"file of two lines":    {with(`"files": [{"source": "a\nb", "target": "/a"}]`), `files[0].source: or target is "a\nb /a"`},
		"list of two lines":    {"{\"exe\": [\n1]}", "exe: is a list"},
		"larger than 1 MiB":    {with(`"debug": false`) + strings.Repeat(" ", 1<<20), "larger than 1 MiB"},
	}
	for name, test := range tests {
		m, err := manifest.Parse([]byte(test.data))
		if m != nil || err == nil || !strings.HasPrefix(err.Error(), "manifest: ") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v\n\twant %s", name, err, test.says)
			continue
		}
		if strings.Contains(err.Error(), "json") && !strings.Contains(test.says, "json") || strings.Contains(err.Error(), "Go ") || len(err.Error()) > 250 {
			t.Errorf("%s: not a sentence for the author of the file: %v", name, err)
		}
	}
}

// Every key that an error offers exists.
func TestOfferedKeysAreKnown(t *testing.T) {
	for parent, data := range map[string]string{
		"":       `{"?": 1}`,
		"mounts": `{"mounts": [{"?": 1}]}`,
		"env":    `{"env": [{"?": 1}]}`,
		"files":  `{"files": [{"?": 1}]}`,
	} {
		_, err := manifest.Parse([]byte(data))
		_, offered, ok := strings.Cut(err.Error(), "known here are ")
		if !ok {
			t.Errorf("%q: nothing offered: %v", parent, err)
		}
		for _, key := range strings.Split(offered, ", ") {
			if _, err := manifest.Parse([]byte(strings.ReplaceAll(data, "?", key))); err != nil && strings.Contains(err.Error(), "unknown key") {
				t.Errorf("%q: %s is offered: %v", parent, key, err)
			}
		}
	}
}
