package doctor

import (
	"fmt"
	"strings"
	"unicode"
)

// Finding is what one check has to say.
type Finding struct {
	Check  string `json:"check"`         // a word, such as "provision"
	Status Status `json:"status"`        // "ok", "warning" or "failure"
	Says   string `json:"says"`          // a sentence
	Fix    string `json:"fix,omitempty"` // a command or a line of a manifest; empty if all is well
}

// Status is how bad it is. The zero Status is none.
type Status uint8

// In order of badness.
const (
	OK      Status = 1
	Warning Status = 2 // may be what is wanted, or will be wrong soon
	Failure Status = 3 // no trusted half runs here, or it gets no quotes
)

// String returns "ok", "warning" or "failure".
func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case Warning:
		return "warning"
	case Failure:
		return "failure"
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Worst is the worst status there is, OK for no findings.
func Worst(findings []Finding) Status {
	worst := OK
	for _, f := range findings {
		worst = max(worst, f.Status)
	}
	return worst
}

// report collects what a check finds.
type report struct {
	check    string
	findings []Finding
}

func (r *report) ok(format string, args ...any) {
	r.add(OK, "", format, args...)
}

func (r *report) warn(fix, format string, args ...any) {
	r.add(Warning, fix, format, args...)
}

func (r *report) fail(fix, format string, args ...any) {
	r.add(Failure, fix, format, args...)
}

func (r *report) add(s Status, fix, format string, args ...any) {
	r.findings = append(r.findings, Finding{r.check, s, plain(fmt.Sprintf(format, args...)), plain(fix)})
}

// plain keeps what a service, a certificate or a file says from reaching a
// terminal as anything but text.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) || unicode.IsSpace(c) && c < unicode.MaxASCII {
			return c
		}
		return unicode.ReplacementChar
	}, s)
}
