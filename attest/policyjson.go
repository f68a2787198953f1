package attest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ParsePolicy reads a policy's JSON form, in which whole lines may be comments:
// those whose first characters other than blanks are //. It is what
// `cleave policy init` writes and `cleave verify -policy` reads.
func ParsePolicy(text []byte) (*Policy, error) {
	p := new(Policy)
	if err := p.UnmarshalJSON(withoutComments(text)); err != nil {
		return nil, err
	}
	return p, nil
}

// withoutComments empties the lines that are comments. None of them can be
// within a JSON string, which has no line breaks.
func withoutComments(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("//")) {
			lines[i] = nil
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

type fields Policy // without its methods

// policyJSON is a policy with the two fields that are written otherwise.
type policyJSON struct {
	fields
	MinTCBDate date     `json:"minTCBDate,omitzero"`
	Grace      duration `json:"grace,omitzero"`
}

// MarshalJSON writes the form described above.
func (p Policy) MarshalJSON() ([]byte, error) {
	return json.Marshal(policyJSON{fields(p), date(p.MinTCBDate), duration(p.Grace)})
}

// UnmarshalJSON reads the form described above, strictly, without comments.
func (p *Policy) UnmarshalJSON(b []byte) error {
	var f policyJSON
	err := unmarshal(b, &f)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return fmt.Errorf("attest: policy: %w", err)
	}
	*p = Policy(f.fields)
	p.MinTCBDate, p.Grace = time.Time(f.MinTCBDate), time.Duration(f.Grace)
	return nil
}

// check finds what would quietly never match.
func (f *policyJSON) check() error {
	if f.AttributeValue.and(f.AttributeMask) != f.AttributeValue {
		return errors.New("attributeValue: has bits that attributeMask does not, and so matches nothing")
	}
	for name, list := range map[string][]string{ruleTolerated: f.ToleratedAdvisories, ruleRefused: f.RefusedAdvisories} {
		if i := slices.IndexFunc(list, notAdvisory); i >= 0 {
			return fmt.Errorf("%s[%d]: %.40q is not an advisory such as INTEL-SA-00615", name, i, list[i])
		}
	}
	return nil
}

func notAdvisory(s string) bool {
	digits, ok := strings.CutPrefix(s, "INTEL-SA-")
	_, err := strconv.ParseUint(digits, 10, 32)
	return !ok || err != nil || len(digits) < 5
}

// A date is written without the time of day if that is midnight in UTC.
type date time.Time

func (d date) IsZero() bool { return time.Time(d).IsZero() }

func (d date) MarshalText() ([]byte, error) {
	t := time.Time(d).UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.AppendFormat(nil, time.DateOnly), nil
	}
	return t.MarshalText()
}

func (d *date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		t, err = time.Parse(time.RFC3339, string(text))
	}
	if err != nil || t.UTC().Year() > 9999 {
		return fmt.Errorf("%.40q is neither a date such as 2024-03-13 nor a time in RFC 3339", text)
	}
	*d = date(t)
	return nil
}

type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%.40q is not a duration such as 72h", text)
	}
	*d = duration(parsed)
	return nil
}

// unmarshal reads exactly one value into v. Its errors begin with the place.
func unmarshal(b []byte, v any) error {
	err := json.Unmarshal(b, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFromFunc(readProduct)))
	if err == nil {
		err = nullElement(b)
	}
	return located(err)
}

// nullElement refuses null, which would be read as a zero identity in a list,
// and as no rule at all elsewhere.
func nullElement(b []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return nil // the end: b is known to be one value
		}
		if token.Kind() == 'n' {
			return &json.SemanticError{JSONPointer: dec.StackPointer(), Err: errors.New("null has no meaning in a policy: leave out what is not asked for")}
		}
	}
}

// located says where in the text an error is, and what it is in a few words.
func located(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic):
		return at(syntactic.JSONPointer, syntaxOf(syntactic))
	case errors.As(err, &semantic):
		return at(semantic.JSONPointer, meaningOf(semantic))
	}
	return err
}

func at(place jsontext.Pointer, text string) error {
	var b strings.Builder
	for token := range place.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		fmt.Fprintf(&b, "%.40s", strings.Trim(strconv.Quote(token), `"`))
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return errors.New(b.String() + text)
}

func syntaxOf(e *jsontext.SyntacticError) string {
	if errors.Is(e, jsontext.ErrDuplicateName) {
		return "there twice (a duplicate name)"
	}
	return fmt.Sprintf("not JSON at byte %d: %v", e.ByteOffset, e.Err)
}

func meaningOf(e *json.SemanticError) string {
	switch {
	case errors.Is(e, json.ErrUnknownName):
		return "unknown name"
	case e.GoType == nil || e.Err != nil && !errors.Is(e, strconv.ErrRange) && !errors.Is(e, strconv.ErrSyntax):
		return strings.TrimPrefix(e.Err.Error(), "attest: ")
	}
	return "not " + expected(e.GoType)
}

func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Array, reflect.String:
		return "a text"
	}
	return "an object"
}
