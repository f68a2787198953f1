package ert_test

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// cpu is an enclave on a processor that is just good enough to tell keys and
// refusals apart.
type cpu struct {
	body   sgx.ReportBody
	refuse error // of Key
}

func newCPU(id byte) *cpu {
	return &cpu{body: sgx.ReportBody{
		CPUSVN:     [16]byte{3, 2, 1},
		MiscSelect: 1,
		Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64, XFRM: 3},
		MRENCLAVE:  [32]byte{0: id, 31: 0xE},
		MRSIGNER:   [32]byte{0: id, 31: 0x5},
		ProductID:  0x1234,
		SVN:        7,
	}}
}

func (c *cpu) Body() sgx.ReportBody { return c.body }

func (c *cpu) Report(target sgx.TargetInfo, data [64]byte) sgx.Report {
	r := sgx.Report{Body: c.body, KeyID: [32]byte{9}}
	r.Body.ReportData = data
	r.Sign(reportKey(target, r.KeyID))
	return r
}

func reportKey(target sgx.TargetInfo, id [32]byte) [16]byte {
	return digest(target.Append(nil), id[:])
}

func digest(parts ...[]byte) [16]byte {
	sum := sha256.Sum256(slices.Concat(parts...))
	return [16]byte(sum[:])
}

func (c *cpu) Key(k sgx.KeyRequest) ([16]byte, error) {
	if c.refuse != nil {
		return [16]byte{}, c.refuse
	}
	if k.Name == sgx.KeyReport {
		return reportKey(c.body.Target(), k.KeyID), nil
	}
	return digest(k.Append(nil), c.body.MRENCLAVE[:]), nil
}

// quoter is a quoting enclave whose quotes are reports, on a machine without
// collateral.
type quoter struct{ refuse error }

func (quoter) Root() *x509.Certificate { return new(x509.Certificate) }

func (quoter) PCS() http.Handler { return http.NotFoundHandler() }

func (quoter) QuotingEnclave() sgx.TargetInfo { return newCPU(0x0E).body.Target() }

func (q quoter) Quote(r sgx.Report) ([]byte, error) {
	if q.refuse != nil {
		return nil, q.refuse
	}
	if !r.Verify(reportKey(q.QuotingEnclave(), r.KeyID)) {
		return nil, errors.New("not for the quoting enclave")
	}
	return append([]byte("quote of "), r.Append(nil)...), nil
}
