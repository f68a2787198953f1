package enclavetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// targetMRENCLAVE is where a target information has the measurement, and
// reportData where a report has its data.
const (
	targetMRENCLAVE = 0
	reportData      = 320
)

func (s suite) localReports(t *testing.T) {
	data := []byte("nonce")
	report, err := s.LocalReport(t.Context(), s.Target(), purpose, data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.VerifyLocalReport(t.Context(), report, purpose, data)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Identity != s.Identity() || r.Data != attest.ReportData(purpose, data) {
		t.Errorf("the report says %+v, the platform %+v", r.Identity, s.Identity())
	}
	neighbour := s.Target()
	neighbour[targetMRENCLAVE] ^= 1
	foreign, err := s.LocalReport(t.Context(), neighbour, purpose, data)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		report  []byte
		purpose string
		want    error
	}{
		"for another enclave": {foreign, purpose, attest.ErrForged},
		"for another purpose": {report, purpose + "!", attest.ErrForged},
		"changed identity":    {flip(report, 64), purpose, attest.ErrForged},
		"changed data":        {flip(report, reportData), purpose, attest.ErrForged},
		"changed key ID":      {flip(report, 384), purpose, attest.ErrForged},
		"changed MAC":         {flip(report, len(report)-1), purpose, attest.ErrForged},
		"cut":                 {report[:len(report)-1], purpose, attest.ErrMalformed},
		"none":                {nil, purpose, attest.ErrMalformed},
	} {
		if r, err := s.VerifyLocalReport(t.Context(), row.report, row.purpose, data); !errors.Is(err, row.want) || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// flip returns a copy of b with one bit changed.
func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}
