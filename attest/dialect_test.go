package attest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// TestDialects has each certificate accepted where its dialect is named, and
// nowhere else.
func TestDialects(t *testing.T) {
	m := newMachine(t)
	for _, d := range ratls.Dialects() {
		l := m.leaf(t, "friend")
		l.key = keyFor(t, d)
		cert := l.in(t, d).parsed(t)
		for _, accepted := range attest.AllDialects() {
			v := m.accepting(t, accepted)
			r, err := v.VerifyCertificate(t.Context(), cert)
			switch {
			case accepted == attest.Dialect(d) && (err != nil || r.Dialect != accepted || r.Measurement != enclave("friend").MRENCLAVE):
				t.Errorf("%v: %+v, %v", d, r, err)
			case accepted != attest.Dialect(d) && (r != nil || !errors.Is(err, attest.ErrUnsupported) && !errors.Is(err, attest.ErrForged)):
				t.Errorf("%v where %v is accepted: %+v, %v", d, accepted, r, err)
			}
		}
		for name, dialects := range map[string][]attest.Dialect{"nil": nil, "none": {}, "all": attest.AllDialects()} {
			v := m.verifier(t, "friend")
			v.Dialects = dialects
			_, err := v.VerifyCertificate(t.Context(), cert)
			if want := name == "all" || name == "nil" && d == ratls.DICE; want != (err == nil) {
				t.Errorf("%v where %s are accepted: %v", d, name, err)
			}
		}
	}
}

// TestCompanions: what stands beside good evidence must be good too, whether
// its dialect is accepted or not, and by itself it does not help.
func TestCompanions(t *testing.T) {
	m, other := newMachine(t), newMachine(t)
	other.authority = m.authority
	other.platform.PPID[0]++
	other.pck = must(m.authority.PCK(namesOfPCK(), lifeOf(m), other.platform))(t)
	dice, ego, gramine := ratls.DICE, ratls.EGo, ratls.Gramine
	tests := map[string]struct {
		make func(*leaf) *leaf
		want error
		by   []attest.Dialect
		is   attest.Dialect
	}{
		"Gramine's two":            {func(l *leaf) *leaf { return l.in(t, gramine, dice) }, nil, nil, attest.DICE},
		"four":                     {func(l *leaf) *leaf { return l.in(t, ratls.OpenEnclaveEvidence, gramine, ego, dice) }, nil, nil, attest.DICE},
		"in the order of the list": {func(l *leaf) *leaf { return l.in(t, gramine, dice) }, nil, []attest.Dialect{attest.DICE, attest.Gramine}, attest.Gramine},
		"one of another enclave":   {func(l *leaf) *leaf { l.in(t, dice); l.body = enclave("stranger"); return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"first of another enclave": {func(l *leaf) *leaf {
			l.body = enclave("stranger")
			l.in(t, gramine)
			l.body = enclave("friend")
			return l.in(t, dice)
		}, attest.ErrForged, nil, 0},
		"one with another SVN":       {func(l *leaf) *leaf { l.in(t, dice); l.body.SVN++; return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"one with another product":   {func(l *leaf) *leaf { l.in(t, dice); l.body.ProductID++; return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"one with another signer":    {func(l *leaf) *leaf { l.in(t, dice); l.body.MRSIGNER[0]++; return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"one in debug mode":          {func(l *leaf) *leaf { l.in(t, dice); l.body.Attributes.Flags |= 2; return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"one with another config":    {func(l *leaf) *leaf { l.in(t, dice); l.body.ConfigID[0]++; return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"one on another CPU":         {func(l *leaf) *leaf { l.in(t, dice); l.machine = other; return l.in(t, gramine) }, attest.ErrForged, nil, 0},
		"one not bound":              {func(l *leaf) *leaf { return l.in(t, dice).with(t, gramine, [64]byte{1}) }, attest.ErrForged, nil, 0},
		"one by the rule of neither": {func(l *leaf) *leaf { return l.in(t, dice).with(t, ego, [64]byte{1}) }, attest.ErrForged, nil, 0},
		"EGo's or Open Enclave's":    {func(l *leaf) *leaf { return l.in(t, dice, ratls.OpenEnclaveReport) }, nil, nil, attest.DICE},
		"but not where one is named": {func(l *leaf) *leaf { return l.in(t, dice, ratls.OpenEnclaveReport) }, attest.ErrForged, []attest.Dialect{attest.DICE, attest.EGo}, 0},
		"bad, and the good accepted": {func(l *leaf) *leaf { return l.in(t, gramine).with(t, dice, [64]byte{1}) }, attest.ErrForged, []attest.Dialect{attest.Gramine}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := m.accepting(t, test.by...).VerifyCertificate(t.Context(), test.make(m.leaf(t, "friend")).parsed(t))
			if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
				t.Fatalf("%+v, %v; want %v", r, err, test.want)
			}
			if err == nil && r.Dialect != test.is {
				t.Errorf("it is said to be %v", r.Dialect)
			}
			if err != nil {
				oneSentence(t, err)
			}
		})
	}
}

func TestUnacceptedDialectSaysWhich(t *testing.T) {
	m := newMachine(t)
	_, err := m.accepting(t, attest.DICE, attest.Gramine).VerifyCertificate(t.Context(), m.leaf(t, "friend").in(t, ratls.EGo).parsed(t))
	for _, says := range []string{"EGo or Open Enclave report", "1.3.6.1.4.1.311.105.1", "only TCG DICE / CCC, Gramine is accepted"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
}

func TestDialectText(t *testing.T) {
	for _, d := range attest.AllDialects() {
		b, err := json.Marshal(d)
		var again attest.Dialect
		if err != nil || json.Unmarshal(b, &again) != nil || again != d {
			t.Errorf("%v: %s, %v", d, b, err)
		}
	}
	for _, d := range []attest.Dialect{0, 7, 255} {
		if b, err := json.Marshal(d); err == nil || d.String() != "no dialect" {
			t.Errorf("%d: %s, %v", uint8(d), b, d)
		}
	}
	var d attest.Dialect
	for _, text := range []string{"", "DICE", "no dialect", "ego "} {
		if err := d.UnmarshalText([]byte(text)); err == nil || d != 0 {
			t.Errorf("%q is %v, %v", text, d, err)
		}
	}
}

func TestCertificateEvidence(t *testing.T) {
	m := newMachine(t)
	all, err := attest.CertificateEvidence(m.leaf(t, "friend").in(t, ratls.Gramine).with(t, ratls.EGo, [64]byte{1}).parsed(t))
	check(t, err)
	got := ""
	for _, e := range all {
		got += fmt.Sprintln(e.Dialect, e.Bound, len(e.Quote) > 1020, e.Data != [64]byte{})
	}
	if want := "Gramine true true true\nEGo false true true\n"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}
