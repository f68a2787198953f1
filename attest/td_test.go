package attest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// TestTDIsComplete has every field once, each of its own value.
func TestTDIsComplete(t *testing.T) {
	m := newMachine(t)
	body := issue.TD{
		TCBSVN: [16]byte{5, 1, 2}, MRSEAM: [48]byte{1}, MRSIGNERSEAM: [48]byte{}, SEAMAttributes: 0, Attributes: 1, XFAM: 0xE7,
		MRTD: [48]byte{2}, MRConfigID: [48]byte{3}, MROwner: [48]byte{4}, MROwnerConfig: [48]byte{47: 5},
		RTMR: [4][48]byte{{6}, {7}, {8}, {47: 9}}, ReportData: [64]byte{63: 10},
	}
	want := attest.TD{
		MRTD: attest.TDMeasurement{2}, RTMR: [4]attest.TDMeasurement{{6}, {7}, {8}, {47: 9}},
		ConfigID: attest.TDMeasurement{3}, Owner: attest.TDMeasurement{4}, OwnerConfig: attest.TDMeasurement{47: 5},
		Debug: true, Attributes: 1, XFAM: 0xE7, Module: attest.TDMeasurement{1}, TCBSVN: [16]byte{5, 1, 2}, Data: [64]byte{63: 10},
	}
	quote := m.sign(t, issue.NewTDQuote(&body, &m.qe, m.authority.PCKChain(m.pck)...))
	q, err := attest.ParseTDQuote(quote)
	check(t, err)
	if q.TD != want || q.Version != 4 {
		t.Errorf("%+v, want %+v", q, want)
	}
	platform, root, err := q.Origin()
	check(t, err)

	v := m.verifier(t)
	v.Collateral = m.tdCollateral(t)
	r, err := v.AuthenticateTD(t.Context(), quote)
	check(t, err)
	if r.TD != want || r.Platform != platform || r.Root != root || r.IntelRoot() || r.Stale() || !r.Judged.Equal(noon) || !r.Expires.After(noon) {
		t.Errorf("%+v", r)
	}
	for name, share := range map[string]attest.Share{"platform": r.TCB.Platform, "quoting enclave": r.TCB.QuotingEnclave, "module": r.TCB.Module} {
		if share.Status != attest.UpToDate || share.Evaluation == 0 || share.Date.IsZero() {
			t.Errorf("%s: %+v", name, share)
		}
	}

	for n := range quote {
		if q, err := attest.ParseTDQuote(quote[:n]); err == nil || q != nil {
			t.Fatalf("%d bytes: %+v, %v", n, q, err)
		}
	}
	_, err = attest.ParseTDQuote(m.quote(t, enclave("friend"), [64]byte{}))
	if !errors.Is(err, attest.ErrUnsupported) {
		t.Errorf("an enclave's quote: %v", err)
	}
	oneSentence(t, err)
}

// TestHexadecimalTexts: what is written is read, and nothing of another size.
func TestHexadecimalTexts(t *testing.T) {
	type text interface {
		MarshalText() ([]byte, error)
		String() string
	}
	for name, test := range map[string]struct {
		value text
		size  int
		read  func([]byte) (text, error)
	}{
		"FMSPC":         {attest.FMSPC{1, 5: 2}, 6, func(b []byte) (text, error) { var v attest.FMSPC; err := v.UnmarshalText(b); return v, err }},
		"PPID":          {attest.PPID{1, 15: 2}, 16, func(b []byte) (text, error) { var v attest.PPID; err := v.UnmarshalText(b); return v, err }},
		"ID":            {attest.ID{1, 15: 2}, 16, func(b []byte) (text, error) { var v attest.ID; err := v.UnmarshalText(b); return v, err }},
		"ConfigID":      {attest.ConfigID{1, 63: 2}, 64, func(b []byte) (text, error) { var v attest.ConfigID; err := v.UnmarshalText(b); return v, err }},
		"TDMeasurement": {attest.TDMeasurement{1, 47: 2}, 48, func(b []byte) (text, error) { var v attest.TDMeasurement; err := v.UnmarshalText(b); return v, err }},
		"Attributes":    {attest.Attributes{Flags: 1, XFRM: 2 << 56}, 16, func(b []byte) (text, error) { var v attest.Attributes; err := v.UnmarshalText(b); return v, err }},
	} {
		b := must(test.value.MarshalText())(t)
		want := "01" + strings.Repeat("00", test.size-2) + "02"
		back, err := test.read([]byte(strings.ToUpper(string(b))))
		if string(b) != want || test.value.String() != want || err != nil || back != test.value {
			t.Errorf("%s: %s, %v, %v", name, b, back, err)
		}
		for _, bad := range [][]byte{nil, b[2:], b[1:], append(slices.Clone(b), '0', '0'), append(slices.Clone(b[1:]), 'g')} {
			if back, err := test.read(bad); err == nil || strings.Trim(back.String(), "0") != "" {
				t.Errorf("%s: %q is read as %v", name, bad, back)
			}
		}
	}
}
