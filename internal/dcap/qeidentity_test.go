package dcap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

func qe(f edit) change { return func(s *scene) { s.editQE = f } }

// report changes the quoting enclave after its identity was written.
func report(f func(*sgx.ReportBody)) change { return func(s *scene) { f(&s.qe) } }

func TestQEIdentity(t *testing.T) {
	const invalid, mismatch = "ENCLAVE_IDENTITY_INVALID", "QE_IDENTITY_MISMATCH"
	schema, incomplete := unusable(invalid, "schema"), unusable(invalid, "all its fields")
	r := rows{
		"of the TDX quoting enclave":           {qe(put("id", `"TD_QE"`)), unusable(mismatch, "another TEE")},
		"of the quote verification enclave":    {qe(put("id", `"QVE"`)), incomplete},
		"id missing":                           {qe(drop("id")), incomplete},
		"product id missing":                   {qe(drop("isvprodid")), incomplete},
		"product id of 65536":                  {qe(put("isvprodid", "65536")), schema},
		"level without SVN":                    {qe(put("tcb", "{}")), incomplete},
		"level with SVN null":                  {qe(put("tcb", `{"isvsvn":null}`)), incomplete},
		"level with SVN 65536":                 {qe(put("tcb", `{"isvsvn":65536}`)), schema},
		"level with an unknown key in its tcb": {qe(put("tcb", `{"isvsvn":1,"pcesvn":2}`)), schema},
		"second level not complete":            {qe(secondLevel(drop("tcbStatus"))), incomplete},

		"QE_IDENTITY_MISMATCH: MRSIGNER":         {report(func(r *sgx.ReportBody) { r.MRSIGNER[31]++ }), forged(mismatch, "by one of signer")},
		"QE_IDENTITY_MISMATCH: product":          {report(func(r *sgx.ReportBody) { r.ProductID = 2 }), forged(mismatch, "product id 2, not 1")},
		"QE_IDENTITY_MISMATCH: MISCSELECT":       {report(func(r *sgx.ReportBody) { r.MiscSelect ^= 1 << 31 }), forged(mismatch, "MISCSELECT")},
		"QE_IDENTITY_MISMATCH: attribute more":   {report(func(r *sgx.ReportBody) { r.Attributes.Flags |= sgx.FlagEINITToken }), forged(mismatch, "attributes")},
		"QE_IDENTITY_MISMATCH: attribute less":   {report(func(r *sgx.ReportBody) { r.Attributes.Flags &^= sgx.FlagProvisionKey }), forged(mismatch, "attributes")},
		"QE_IDENTITY_MISMATCH: debug":            {report(func(r *sgx.ReportBody) { r.Attributes.Flags |= sgx.FlagDebug }), forged(mismatch, "attributes")},
		"debug, though the identity masks it":    {both(debug, qe(put("attributesMask", `"F9FFFFFFFFFFFFFF0000000000000000"`))), forged(mismatch, "debug")},
		"debug, though the identity asks for it": {both(debug, qe(put("attributes", `"1300000000000000`+`0000000000000000"`))), forged(mismatch, "debug")},
		"another enclave of the same signer": {report(func(r *sgx.ReportBody) {
			*r = sgx.ReportBody{MRSIGNER: r.MRSIGNER, Attributes: r.Attributes, MiscSelect: r.MiscSelect, SVN: 99}
		}), forged(mismatch, "product id 0")},
		"SVN below every level": {report(func(r *sgx.ReportBody) { r.SVN = 7 }), forged("TCB_NOT_SUPPORTED", "quoting enclave's SVN 7")},
	}
	for name, bytes := range map[string]int{"miscselect": 4, "miscselectMask": 4, "attributes": 16, "attributesMask": 16, "mrsigner": 32} {
		digits := strings.Repeat("00", bytes)
		r[name+" missing"] = row{qe(drop(name)), incomplete}
		r[name+" null"] = row{qe(put(name, "null")), incomplete}
		r[name+" empty"] = row{qe(put(name, `""`)), incomplete}
		r[name+" too short"] = row{qe(put(name, `"`+digits[2:]+`"`)), incomplete}
		r[name+" too long"] = row{qe(put(name, `"`+digits+`00"`)), incomplete}
		r[name+" not hexadecimal"] = row{qe(put(name, `"`+digits[1:]+`g"`)), schema}
	}
	// Statuses of whole platforms, with which a platform's would not converge.
	for _, status := range []dcap.Status{dcap.SWHardeningNeeded, dcap.ConfigurationNeeded, dcap.ConfigurationAndSWHardeningNeeded, dcap.OutOfDateConfigurationNeeded} {
		r[fmt.Sprintf("status %v", status)] = row{qe(put("tcbStatus", fmt.Sprintf("%q", status))), incomplete}
	}
	r.refused(t)

	accepted(t, map[string]change{
		"MISCSELECT masked":     both(report(func(r *sgx.ReportBody) { r.MiscSelect ^= 1 << 31 }), qe(put("miscselectMask", `"FFFFFF7F"`))),
		"MODE64 masked":         report(func(r *sgx.ReportBody) { r.Attributes.Flags &^= sgx.FlagMode64 }),
		"XFRM masked":           report(func(r *sgx.ReportBody) { r.Attributes.XFRM = 3 }),
		"newer than all levels": report(func(r *sgx.ReportBody) { r.SVN = 9 }),
		"another build":         report(func(r *sgx.ReportBody) { r.MRENCLAVE[0]++ }),
		"lower case":            qe(put("mrsigner", fmt.Sprintf(`"%x"`, qeSigner))),
	})
}

func debug(s *scene) { s.qe.Attributes.Flags |= sgx.FlagDebug }

func both(changes ...change) change {
	return func(s *scene) {
		for _, c := range changes {
			c(s)
		}
	}
}

func TestQELevels(t *testing.T) {
	for svn, want := range map[uint16]dcap.Status{9: dcap.UpToDate, 8: dcap.UpToDate, 7: dcap.OutOfDate, 6: dcap.OutOfDate, 5: dcap.Revoked, 1: dcap.Revoked} {
		s := newScene()
		date := s.qeIdentity.Levels[0].Date
		s.qeIdentity.Levels = append(s.qeIdentity.Levels,
			issue.QELevel{TCB: issue.QETCB{SVN: 6}, Date: date, Status: "OutOfDate"},
			issue.QELevel{TCB: issue.QETCB{SVN: 1}, Date: date, Status: "Revoked"})
		s.qe.SVN = svn
		v, err := s.play(t).verify()
		if err != nil || v.TCB.Status != want {
			t.Errorf("SVN %d: %+v, %v; want %v", svn, v, err, want)
		}
	}
}
