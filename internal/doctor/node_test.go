package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cleave-sdk/cleave/internal/doctor"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// description is node.json of a made-up node: what files do not say.
type description struct {
	Base     string            `json:"base"`    // the node it is like
	Without  []string          `json:"without"` // its files that are not here
	Env      map[string]string `json:"env"`
	UID      int               `json:"uid"`
	Groups   []int             `json:"groups"`
	Entries  map[string]entry  `json:"entries"`
	Services map[string]string `json:"services"` // files by URL
	Date     string            `json:"date"`     // how far the services' clocks are ahead
	AESM     string            `json:"aesm"`     // what it fails with
	EGo      string            `json:"ego"`
	FMSPC    string            `json:"fmspc"`
}

// entry is what a tree of plain files cannot have.
type entry struct {
	Mode string      `json:"mode"` // "device", "socket" or "pipe"
	Perm fs.FileMode `json:"perm"`
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
	Deny bool        `json:"deny"` // refused whatever the mode says
}

// now is what time it is on made-up nodes.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// TestNodes compares what is found on made-up nodes, line by line. What goes
// wrong there must be in the text before node.json too, for people.
func TestNodes(t *testing.T) {
	files, err := filepath.Glob("testdata/nodes/*.txtar")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d nodes, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			n, want := node(t, name)
			var got strings.Builder
			for _, f := range doctor.Examine(t.Context(), n) {
				fmt.Fprintf(&got, "%v %s: %s\n", f.Status, f.Check, f.Says)
				if (f.Fix == "") != (f.Status == doctor.OK) {
					t.Errorf("%s: %v, with the fix %q", f.Check, f.Status, f.Fix)
				}
			}
			if d := cmp.Diff(want, got.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

// node makes a node up, and says what is expected of it. If it has a base, only
// the lines that differ are expected of it.
func node(t *testing.T, name string) (n *doctor.Node, want string) {
	t.Helper()
	d, files, want := load(t, name)
	stat := func(name string) (doctor.Entry, error) {
		if e, ok := d.Entries[name]; ok {
			return e.entry(), nil
		}
		info, err := fs.Stat(files, name)
		if err != nil {
			return doctor.Entry{}, err
		}
		return doctor.Entry{Mode: info.Mode()}, nil
	}
	client := &http.Client{Transport: services{d, files}}
	return &doctor.Node{
		Files: files,
		Stat:  stat,
		Open: func(name string) error {
			if d.Entries[name].opens(d.UID, d.Groups) {
				return nil
			}
			return &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		},
		Env:    func(name string) (string, bool) { v, set := d.Env[name]; return v, set },
		UID:    d.UID,
		Groups: d.Groups,
		AESM: func(context.Context, string) (time.Duration, error) {
			if d.AESM != "" {
				return 0, errors.New(d.AESM)
			}
			return 7 * time.Millisecond, nil
		},
		HTTP:     client,
		Insecure: client,
		EGo: func(context.Context) (string, error) {
			if d.EGo == "" {
				return "", errors.New("not found")
			}
			return d.EGo, nil
		},
		Now:   now,
		FMSPC: d.FMSPC,
	}, want
}

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
	mode := map[string]fs.FileMode{"device": fs.ModeDevice | fs.ModeCharDevice, "socket": fs.ModeSocket, "pipe": fs.ModeNamedPipe}[e.Mode]
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

// services answer from the files of the node.
type services struct {
	description
	files fs.FS
}

func (s services) RoundTrip(r *http.Request) (*http.Response, error) {
	name, ok := s.Services[r.URL.String()]
	if !ok {
		return nil, errors.New("no such host")
	}
	ahead, err := time.ParseDuration(s.Date)
	if err != nil && s.Date != "" {
		return nil, err
	}
	body, err := fs.ReadFile(s.files, name)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Date": {now().Add(ahead).Format(http.TimeFormat)}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}
