package enclave_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// checker is a platform that checks local reports: those with this MAC are for
// it.
type checker struct {
	*fake
	mac [16]byte
	err error
}

func (c *checker) VerifyReport(ctx context.Context, r sgx.Report) error {
	switch {
	case c.err != nil:
		return c.err
	case r.MAC != c.mac:
		return platform.ErrNotForMe
	}
	return ctx.Err()
}

func newChecker(t *testing.T) (*checker, *enclave.Platform) {
	t.Helper()
	c := &checker{fake: &fake{body: sgx.ReportBody{MRENCLAVE: [32]byte{1}, ConfigSVN: 9, Attributes: sgx.Attributes{Flags: 5}}}, mac: [16]byte{15: 1}}
	p, err := enclave.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

func TestTarget(t *testing.T) {
	c, p := newChecker(t)
	info, err := sgx.ParseTargetInfo(p.Target())
	if err != nil || info != c.body.Target() {
		t.Errorf("%+v, %v", info, err)
	}
	if target := new(enclave.Platform).Target(); target != nil {
		t.Errorf("the zero Platform is %x", target)
	}
}

func TestVerifyLocalReport(t *testing.T) {
	ctx := context.Background()
	c, p := newChecker(t)
	report := sgx.Report{MAC: c.mac, Body: sgx.ReportBody{
		CPUSVN: [16]byte{1}, MiscSelect: 2, ExtProductID: [16]byte{3}, Attributes: sgx.Attributes{Flags: 7, XFRM: 4}, MRENCLAVE: [32]byte{5},
		MRSIGNER: [32]byte{6}, ConfigID: [64]byte{7}, ProductID: 8, SVN: 9, ConfigSVN: 10, FamilyID: [16]byte{11},
		ReportData: attest.ReportData("test", []byte("data")),
	}}
	got, err := p.VerifyLocalReport(ctx, report.Append(nil), "test", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	want := attest.LocalReport{
		Identity: attest.Identity{Measurement: attest.Measurement{5}, Signer: attest.Signer{6}, ProductID: 8, SVN: 9, Debug: true},
		Details: attest.Details{
			Attributes: attest.Attributes{Flags: 7, XFRM: 4}, MiscSelect: 2, CPUSVN: [16]byte{1},
			KSS: attest.KSS{FamilyID: attest.ID{11}, ExtendedProductID: attest.ID{3}, ConfigID: attest.ConfigID{7}, ConfigSVN: 10},
		},
		Data: report.Body.ReportData,
	}
	if *got != want {
		t.Errorf("%+v, want %+v", *got, want)
	}

	var zero enclave.Platform
	other := report
	other.MAC[0] = 1
	reserved := report.Append(nil)
	reserved[20+1] = 1
	for name, row := range map[string]struct {
		p             *enclave.Platform
		report        []byte
		purpose, data string
		want          error
	}{
		"for another enclave": {p, other.Append(nil), "test", "data", attest.ErrForged},
		"other data":          {p, report.Append(nil), "test", "Data", attest.ErrForged},
		"other purpose":       {p, report.Append(nil), "tes", "tdata", attest.ErrForged},
		"no purpose":          {p, report.Append(nil), "", "data", enclave.ErrPurpose},
		"reserved byte":       {p, reserved, "test", "data", attest.ErrMalformed},
		"trailing byte":       {p, append(report.Append(nil), 0), "test", "data", attest.ErrMalformed},
		"nothing":             {p, nil, "test", "data", attest.ErrMalformed},
		"outside":             {&zero, report.Append(nil), "test", "data", enclave.ErrOutside},
	} {
		got, err := row.p.VerifyLocalReport(ctx, row.report, row.purpose, []byte(row.data))
		if !errors.Is(err, row.want) || got != nil || strings.Count(err.Error(), "enclave: ") != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for n := range sgx.ReportSize {
		if got, err := p.VerifyLocalReport(ctx, report.Append(nil)[:n], "test", []byte("data")); !errors.Is(err, attest.ErrMalformed) || got != nil {
			t.Fatalf("%d bytes: %+v, %v", n, got, err)
		}
	}
	c.err = errHost
	if got, err := p.VerifyLocalReport(ctx, report.Append(nil), "test", []byte("data")); !errors.Is(err, errHost) || errors.Is(err, attest.ErrForged) || got != nil {
		t.Errorf("the platform fails: %+v, %v", got, err)
	}
	without, err := enclave.New(c.fake)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := without.VerifyLocalReport(ctx, report.Append(nil), "test", []byte("data")); err == nil || !strings.Contains(err.Error(), "use quotes") || got != nil {
		t.Errorf("the platform cannot: %+v, %v", got, err)
	}
}

// TestLocalReportIsForItsPurpose has the report that one makes be the one that
// the other is asked about.
func TestLocalReportIsForItsPurpose(t *testing.T) {
	c, p := newChecker(t)
	c.mac = [16]byte{} // as the fake makes them
	b, err := p.LocalReport(t.Context(), p.Target(), "test", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.VerifyLocalReport(t.Context(), b, "test", []byte("data"))
	if err != nil || got.Identity != p.Identity() || !bytes.Equal(got.Data[:], b[320:384]) {
		t.Errorf("%+v, %v", got, err)
	}
}
