package doctor_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

func load(t *testing.T, name string) (d description, files fstest.MapFS, want string) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/nodes/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "node.json" })
	if at < 0 {
		t.Fatal("no node.json")
	}
	if base := struct{ Base string }{}; json.Unmarshal(archive.Files[at].Data, &base) == nil && base.Base != "" {
		d, files, want = load(t, base.Base)
	} else {
		files = fstest.MapFS{}
	}
	d.Without = nil
	decoder := json.NewDecoder(bytes.NewReader(archive.Files[at].Data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	for _, gone := range d.Without {
		delete(files, gone)
		delete(d.Entries, gone)
		delete(d.Env, strings.TrimPrefix(gone, "env:"))
	}
	for _, f := range archive.Files {
		switch f.Name {
		case "node.json":
		case "want":
			want = instead(want, string(f.Data))
		default:
			files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		}
	}
	return d, files, want
}

// instead puts what is expected of a check in the place of what was.
func instead(base, lines string) string {
	if base == "" {
		return lines
	}
	var out strings.Builder
	said := map[string]bool{}
	for line := range strings.Lines(base) {
		check := checkOf(line)
		if !strings.Contains("\n"+lines, " "+check+":") {
			out.WriteString(line)
		} else if !said[check] {
			said[check] = true
			for l := range strings.Lines(lines) {
				if checkOf(l) == check {
					out.WriteString(l)
				}
			}
		}
	}
	return out.String()
}

func checkOf(line string) string {
	_, rest, _ := strings.Cut(line, " ")
	check, _, _ := strings.Cut(rest, ":")
	return check
}

func (e entry) entry() doctor.Entry {
	mode := map[string]fs.FileMode{"device": fs.ModeDevice | fs.ModeCharDevice, "socket": fs.ModeSocket, "pipe": fs.ModeNamedPipe, "directory": fs.ModeDir}[e.Mode]
	return doctor.Entry{Mode: mode | e.Perm, UID: e.UID, GID: e.GID}
}

// opens is what a kernel would say.
func (e entry) opens(uid int, groups []int) bool {
	switch {
	case e.Deny:
		return false
	case uid == 0:
		return true
	case uid == e.UID:
		return e.Perm&0o600 == 0o600
	case slices.Contains(groups, e.GID):
		return e.Perm&0o060 == 0o060
	}
	return e.Perm&0o006 == 0o006
}
