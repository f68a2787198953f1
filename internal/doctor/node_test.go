package doctor_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// description is node.json of a made-up node: what files do not say.
type description struct {
	Base     string            `json:"base"`    // the node it is like
	Without  []string          `json:"without"` // its files that are not here, and variables, as env:NAME
	Env      map[string]string `json:"env"`
	UID      int               `json:"uid"`
	Groups   []int             `json:"groups"`
	Entries  map[string]entry  `json:"entries"`
	PCCS     map[string]pccs   `json:"pccs"`      // by URL up to the version
	Others   []string          `json:"others"`    // URLs where something answers
	Redirect map[string]string `json:"redirects"` // URLs where something sends elsewhere
	Date     string            `json:"date"`      // how far the services' clocks are ahead
	Clock    string            `json:"clock"`     // how far this one is
	AESM     string            `json:"aesm"`      // what it fails with
	EGo      string            `json:"ego"`
	Fixes    map[string]string `json:"fixes"`    // a part of what the fixes say, by check
	Subject  string            `json:"subject"`  // FMSPC
	Quote    string            `json:"quote"`    // "genuine", "forged" or "cut"
	Kept     string            `json:"kept"`     // a file with what the quote provider keeps of the CPU
	Enclave  int               `json:"enclave"`  // the heap of the trusted half, in MiB
	Patience string            `json:"patience"` // how long it takes at most; if empty, as long as it does
}

// entry is what a tree of plain files cannot have.
type entry struct {
	Mode string      `json:"mode"` // "device", "socket", "pipe", "directory" or "hidden"
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
			fixes := map[string]string{}
			ctx, cancel := n.context(t)
			defer cancel()
			for _, f := range doctor.Examine(ctx, n.Node) {
				fmt.Fprintf(&got, "%v %s: %s\n", f.Status, f.Check, f.Says)
				checkFix(t, f)
				fixes[f.Check] += f.Fix + "\n"
			}
			for check, fix := range n.Fixes {
				if !strings.Contains(fixes[check], fix) {
					t.Errorf("%s: %s does not name %s", check, fixes[check], fix)
				}
			}
			if d := gocmp.Diff(want, got.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

// checkFix wants a command or a line of a manifest or a configuration behind
// what is not ok, nothing in it that hostile nodes say, and no control characters
// anywhere.
func checkFix(t *testing.T, f doctor.Finding) {
	t.Helper()
	if f.Status != doctor.OK && !strings.ContainsAny(f.Fix, "`\"") || f.Status == doctor.OK && f.Fix != "" {
		t.Errorf("%s: %v, with the fix %q", f.Check, f.Status, f.Fix)
	}
	if strings.IndexFunc(f.Says+f.Fix, unicode.IsControl) >= 0 {
		t.Errorf("%q, %q", f.Says, f.Fix)
	}
	if strings.Contains(f.Fix, "evil") {
		t.Errorf("what a node says is in a command: %q", f.Fix)
	}
}

// services answer from the files of the node.
type services struct {
	description
	files fs.FS
}

func (s services) RoundTrip(r *http.Request) (*http.Response, error) {
	ahead, err := time.ParseDuration(cmp.Or(s.Date, "0s"))
	if err != nil {
		return nil, err
	}
	address := r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
	for base, p := range s.PCCS {
		if name, ok := strings.CutPrefix(address, base+"/"); ok {
			return p.answer(r, name, s.files, ahead)
		}
	}
	if slices.Contains(s.Others, address) && r.Header.Get("Metadata") == "true" {
		return &http.Response{StatusCode: http.StatusBadRequest, Body: http.NoBody, Request: r}, nil
	}
	if to := s.Redirect[address]; to != "" && r.Header.Get("Metadata") == "true" {
		return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {to}}, Body: http.NoBody, Request: r}, nil
	}
	return nil, failures()["dns"]
}
