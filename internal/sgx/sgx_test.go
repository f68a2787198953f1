package sgx_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// A structure is parsed and encoded again.
type structure struct {
	size     int
	reserved []int // an offset in each reserved range, and its last
	again    func([]byte) ([]byte, error)
}

var structures = map[string]structure{
	"report body": {sgx.ReportBodySize, []int{21, 31, 96, 127, 160, 191, 262, 303}, func(b []byte) ([]byte, error) {
		v, err := sgx.ParseReportBody(b)
		return v.Append(nil), err
	}},
	"report": {sgx.ReportSize, []int{21, 303}, func(b []byte) ([]byte, error) {
		v, err := sgx.ParseReport(b)
		return v.Append(nil), err
	}},
	"target info": {sgx.TargetInfoSize, []int{49, 56, 63, 128, 511}, func(b []byte) ([]byte, error) {
		v, err := sgx.ParseTargetInfo(b)
		return v.Append(nil), err
	}},
	"key request": {sgx.KeyRequestSize, []int{7, 78, 511}, func(b []byte) ([]byte, error) {
		v, err := sgx.ParseKeyRequest(b)
		return v.Append(nil), err
	}},
	"sigstruct": {sgx.SigStructSize, []int{44, 127, 910, 911, 992, 1007, 1028, 1039}, func(b []byte) ([]byte, error) {
		v, err := sgx.ParseSigStruct(b)
		if err != nil {
			return nil, err
		}
		return v.Append(nil), nil
	}},
}

// example fills every field with random bytes.
func example(t testing.TB, name string) []byte {
	t.Helper()
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, structures[name].size)
	r.Read(b)
	zero := func(from, to int) { clear(b[from:to]) }
	switch name {
	case "report body", "report":
		zero(21, 32)
		zero(96, 128)
		zero(160, 192)
		zero(262, 304)
	case "target info":
		zero(49, 50)
		zero(56, 64)
		zero(128, 512)
	case "key request":
		zero(7, 8)
		zero(78, 512)
	case "sigstruct":
		copy(b, []byte{6, 0, 0, 0, 0xE1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0})
		copy(b[24:], []byte{1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0})
		zero(44, 128)
		zero(910, 912)
		zero(992, 1008)
		zero(1028, 1040)
	}
	return b
}

func TestStructuresRoundTrip(t *testing.T) {
	for name, s := range structures {
		b := example(t, name)
		again, err := s.again(b)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: does not encode to what it was parsed from: %v", name, err)
		}
	}
}

func TestStructuresHaveOneLength(t *testing.T) {
	for name, s := range structures {
		b := append(example(t, name), 0)
		for n := range len(b) + 1 {
			if _, err := s.again(b[:n]); (err == nil) != (n == s.size) {
				t.Errorf("%s of %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestReservedBytesAreZero(t *testing.T) {
	for name, s := range structures {
		for _, at := range s.reserved {
			b := example(t, name)
			b[at] = 1
			if _, err := s.again(b); err == nil {
				t.Errorf("%s: byte %d is reserved and not zero, but accepted", name, at)
			}
		}
	}
}

func FuzzStructures(f *testing.F) {
	for name := range structures {
		f.Add(example(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, s := range structures {
			if again, err := s.again(b); err == nil && !bytes.Equal(again, b) {
				t.Errorf("%s: encodes to something else", name)
			}
		}
	})
}

// The offsets are those of Intel's manual, so this table is written from it
// and not from the code.
func TestReportBodyLayout(t *testing.T) {
	b := example(t, "report body")
	v, err := sgx.ParseReportBody(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, field := range map[string]struct {
		at  int
		got []byte
	}{
		"CPUSVN":       {0, v.CPUSVN[:]},
		"ISVEXTPRODID": {32, v.ExtProductID[:]},
		"ATTRIBUTES":   {48, v.Attributes.Append(nil)},
		"MRENCLAVE":    {64, v.MRENCLAVE[:]},
		"MRSIGNER":     {128, v.MRSIGNER[:]},
		"CONFIGID":     {192, v.ConfigID[:]},
		"ISVPRODID":    {256, []byte{byte(v.ProductID), byte(v.ProductID >> 8)}},
		"ISVSVN":       {258, []byte{byte(v.SVN), byte(v.SVN >> 8)}},
		"CONFIGSVN":    {260, []byte{byte(v.ConfigSVN), byte(v.ConfigSVN >> 8)}},
		"ISVFAMILYID":  {304, v.FamilyID[:]},
		"REPORTDATA":   {320, v.ReportData[:]},
	} {
		if !bytes.Equal(field.got, b[field.at:field.at+len(field.got)]) {
			t.Errorf("%s is not at %d", name, field.at)
		}
	}
}

func TestKeyRequestLayout(t *testing.T) {
	b := example(t, "key request")
	v, err := sgx.ParseKeyRequest(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, field := range map[string]struct {
		at  int
		got []byte
	}{
		"KEYNAME":       {0, []byte{byte(v.Name), byte(v.Name >> 8)}},
		"KEYPOLICY":     {2, []byte{byte(v.Policy), byte(v.Policy >> 8)}},
		"ISVSVN":        {4, []byte{byte(v.SVN), byte(v.SVN >> 8)}},
		"CPUSVN":        {8, v.CPUSVN[:]},
		"ATTRIBUTEMASK": {24, v.AttributeMask.Append(nil)},
		"KEYID":         {40, v.KeyID[:]},
		"CONFIGSVN":     {76, []byte{byte(v.ConfigSVN), byte(v.ConfigSVN >> 8)}},
	} {
		if !bytes.Equal(field.got, b[field.at:field.at+len(field.got)]) {
			t.Errorf("%s is not at %d", name, field.at)
		}
	}
}

func TestGenuineReportBodies(t *testing.T) {
	quotes, err := filepath.Glob(filepath.Join(vectors.Dir(t), "quotes", "sgx_v3_*.bin"))
	if err != nil || len(quotes) == 0 {
		t.Fatal("no quotes", err)
	}
	for _, name := range quotes {
		q := vectors.Read(t, "quotes", filepath.Base(name))
		if bytes.HasPrefix(q, []byte{1, 0, 0, 0, 2, 0, 0, 0}) {
			q = q[16:]
		}
		for _, at := range []int{48, 436 + 128} {
			b := q[at : at+sgx.ReportBodySize]
			if again, err := structures["report body"].again(b); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s: the body at %d: %v", filepath.Base(name), at, err)
			}
		}
	}
	t.Logf("%d quotes, two report bodies each", len(quotes))
}

func TestTargetAddressesTheEnclave(t *testing.T) {
	v, err := sgx.ParseReportBody(example(t, "report body"))
	if err != nil {
		t.Fatal(err)
	}
	target := v.Target()
	if target.MRENCLAVE != v.MRENCLAVE || target.Attributes != v.Attributes || target.MiscSelect != v.MiscSelect ||
		target.ConfigID != v.ConfigID || target.ConfigSVN != v.ConfigSVN || target.CETAttributes != v.CETAttributes {
		t.Errorf("%+v does not address %+v", target, v)
	}
}

func TestAttributes(t *testing.T) {
	a := sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagDebug, XFRM: 7}
	if !a.Debug() || (sgx.Attributes{Flags: sgx.FlagInit}).Debug() {
		t.Error("the debug flag is bit 1")
	}
	if got := a.And(sgx.Attributes{Flags: sgx.FlagInit, XFRM: 3}); got != (sgx.Attributes{Flags: sgx.FlagInit, XFRM: 3}) {
		t.Errorf("masked to %+v", got)
	}
	s := lebyte.String(a.Append(nil))
	var again sgx.Attributes
	if !again.Read(&s) || again != a {
		t.Errorf("read back %+v", again)
	}
}
