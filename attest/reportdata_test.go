package attest_test

import (
	"encoding/hex"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// TestReportDataGolden fixes the binding: SHA-512 of the tag, the purpose's
// length in 8 bytes, little-endian, the purpose and the data.
func TestReportDataGolden(t *testing.T) {
	tests := map[string]struct {
		purpose, data string
		want          string
	}{
		"enrolment": {"example.org/enrol v1", "nonce", "9315145809ef183a90bd5228cc9d543a27599bc8963c18bd18f001edef0376635d7ffb646a10d9088398b4dc39ce488285228f2e2d83e59d3bf8a39cd9a60047"},
		"empty":     {"", "", "520ce11924202fc1b2525840f66e62eb8e20b0739358cc4ac921b313dd96b37bb2df70d437d08f472d2c346ea9f170eb2246899587315e720ae9ff1d98295f34"},
	}
	for name, test := range tests {
		got := attest.ReportData(test.purpose, []byte(test.data))
		if hex.EncodeToString(got[:]) != test.want {
			t.Errorf("%s: %x, want %s", name, got, test.want)
		}
	}
}

func TestReportDataSeparates(t *testing.T) {
	tests := map[string][2]string{ // purpose, data
		"plain":              {"purpose", "data"},
		"one byte moved":     {"purposed", "ata"},
		"the other way":      {"purpos", "edata"},
		"all in the purpose": {"purposedata", ""},
		"all in the data":    {"", "purposedata"},
		"other purpose":      {"Purpose", "data"},
		"other data":         {"purpose", "Data"},
		"longer by a NUL":    {"purpose", "data\x00"},
		"NUL between":        {"purpose\x00", "data"},
		"length in the data": {"", "\x07\x00\x00\x00\x00\x00\x00\x00purposedata"},
		"empty":              {"", ""},
	}
	seen := map[[64]byte]string{}
	for name, in := range tests {
		data := attest.ReportData(in[0], []byte(in[1]))
		if other, ok := seen[data]; ok {
			t.Errorf("%q and %q are bound alike", name, other)
		}
		seen[data] = name
		// A certificate's binding ends in 32 zeros: no purpose yields one.
		if [32]byte(data[32:]) == ([32]byte{}) || data == ratls.ReportData([]byte(in[1])) {
			t.Errorf("%q looks like a certificate's binding", name)
		}
	}
	if attest.ReportData("p", nil) != attest.ReportData("p", []byte{}) {
		t.Error("nil is not like empty")
	}
}
