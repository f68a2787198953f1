package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// examined is "doctor command…": the command ends as the worst that it found
// says, and says it in its own form: a fix for all that is not ok, and for
// nothing else.
func examined(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[0], args[1:]...)
	out := ts.ReadFile("stdout")
	failed := strings.Contains(out, "failure  ")
	if strings.HasPrefix(out, "{") {
		failed = strings.Contains(out, `"worst": "failure"`)
		checkJSON(ts, out)
	} else {
		checkLines(ts, out)
	}
	if neg || failed != (err != nil) {
		ts.Fatalf("found a failure: %t, ended with: %v", failed, err)
	}
}

func checkJSON(ts *testscript.TestScript, out string) {
	var d struct {
		Worst, FMSPC string
		Findings     []struct{ Check, Status, Says, Fix string }
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	ts.Check(decoder.Decode(&d))
	for _, f := range d.Findings {
		if f.Check == "" || f.Says == "" || (f.Status == "ok") != (f.Fix == "") {
			ts.Fatalf("%+v", f)
		}
	}
	if len(d.Findings) < 13 {
		ts.Fatalf("only %d findings", len(d.Findings))
	}
}

func checkLines(ts *testscript.TestScript, out string) {
	wanting := "" // the line that has no fix yet
	for line := range strings.Lines(out) {
		_, isFix := strings.CutPrefix(strings.TrimSpace(line), "fix: ")
		if isFix != (wanting != "") {
			ts.Fatalf("a fix belongs behind each line that is not ok, and nowhere else: %s%s", wanting, line)
		}
		wanting = line
		if isFix || strings.HasPrefix(line, "ok ") {
			wanting = ""
		}
	}
	if wanting != "" {
		ts.Fatalf("no fix behind %s", wanting)
	}
}

// full is a disk that is.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	if f.room -= n; n < len(b) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// All is well only if all of it was said.
func TestTell(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		for room, want := range map[int]int{0: exitNo, 20: exitNo, 4096: exitYes} {
			d := &diagnosis{Worst: doctor.Warning, Findings: []doctor.Finding{{Check: "qcnl", Status: doctor.Warning, Says: "it says", Fix: "a"}}}
			var said bytes.Buffer
			if status := d.tell(&full{room}, &said, asJSON); status != want || (want == exitNo) != strings.Contains(said.String(), "cleave: no space left") {
				t.Errorf("JSON %t, room for %d: %d, %s", asJSON, room, status, said.String())
			}
		}
	}
}

// What a service or a file says cannot look like a line of the doctor's own.
func TestFindingsStayOnTheirLines(t *testing.T) {
	d := &diagnosis{Findings: []doctor.Finding{{Check: "qcnl", Status: doctor.Failure, Says: "it says:\nok\tcpu\tall is well\x0b", Fix: "a\rb"}}}
	var out bytes.Buffer
	d.print(&out, false)
	want := "failure  qcnl  it says: ok cpu all is well\n                 fix: a b\n"
	if out.String() != want {
		t.Errorf("%q, not %q", out.String(), want)
	}
}
