package ert_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// everything is a report body in which no field is zero or like another.
func everything(data [64]byte) sgx.ReportBody {
	body := newCPU(1).body
	body.Attributes.Flags |= sgx.FlagDebug | sgx.FlagProvisionKey | sgx.FlagEINITToken | sgx.FlagKSS
	body.ExtProductID = [16]byte{0xE1, 15: 0xE2}
	body.ConfigID = [64]byte{0xC1, 63: 0xC2}
	body.ConfigSVN = 0x0506
	body.FamilyID = [16]byte{0xF1, 15: 0xF2}
	body.ReportData = data
	return body
}

func text(s string) string { return hex.EncodeToString(append([]byte(s), 0)) }

func date(t time.Time) string {
	var b []byte
	for _, v := range []int{t.Year(), int(t.Month()), t.Day(), 0, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return hex.EncodeToString(b)
}

// identityClaims are those of everything, in hex, and attributes.
func identityClaims(attributes, format string) [][2]string {
	zeros := func(n int) string { return hex.EncodeToString(make([]byte, n)) }
	return [][2]string{
		{"id_version", "00000000"},
		{"security_version", "07000000"},
		{"attributes", attributes + "00000000000000"},
		{"unique_id", "01" + zeros(30) + "0e"},
		{"signer_id", "01" + zeros(30) + "05"},
		{"product_id", "3412" + zeros(14)},
		{"format_uuid", format},
		{"sgx_pf_gp_exit_info_enabled", "01"},
		{"sgx_isv_extended_product_id", "e1" + zeros(14) + "e2"},
		{"sgx_is_mode64bit", "01"},
		{"sgx_has_provision_key", "01"},
		{"sgx_has_einittoken_key", "01"},
		{"sgx_uses_kss", "01"},
		{"sgx_config_id", "c1" + zeros(62) + "c2"},
		{"sgx_config_svn", "0605"},
		{"sgx_isv_family_id", "f1" + zeros(14) + "f2"},
		{"sgx_cpu_svn", "030201" + zeros(13)},
	}
}

// platformClaims are those of a quote by a platform.
func platformClaims(p *platform) [][2]string {
	v := daysFromNow(-2, 5) // the QE identity is issued last, the PCK's revocation list ends first
	signing := text(string(issue.PEM(p.authority.TCBSigningChain()...)))
	return [][2]string{
		{"tcb_status", "00000000"},
		{"tcb_date", date(daysFromNow(-3, 0).From)},
		{"validity_from", date(v.From)},
		{"validity_until", date(v.Until)},
		{"ueid", "01a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" + "00000000" + "000000000000000000000000"},
		{"hardware_model", "00606a040506"},
		{"sgx_tcb_info", `{"tcbInfo":{"id":"SGX","version":3,`},
		{"sgx_tcb_issuer_chain", signing},
		{"sgx_pck_crl", "30"},
		{"sgx_root_ca_crl", "30"},
		{"sgx_crl_issuer_chain", text(string(issue.PEM(p.authority.PCKCAChain()...)))},
		{"sgx_qe_id_info", `{"enclaveIdentity":{"id":"QE","version":2,`},
		{"sgx_qe_id_issuer_chain", signing},
		{"sgx_pce_svn", "0c0d"},
		{"sgx_tcb_info_index", "00000000"},
	}
}

// signedAnew are the claims whose signatures differ each time: what is wanted
// of them is the beginning of a C string.
func signedAnew(name string) bool {
	switch name {
	case "sgx_tcb_info", "sgx_qe_id_info", "sgx_pck_crl", "sgx_root_ca_crl":
		return true
	}
	return false
}

func checkClaims(t *testing.T, got []got, want [][2]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d claims, want %d", len(got), len(want))
	}
	for i, w := range want {
		value := hex.EncodeToString(got[i].value)
		if signedAnew(w[0]) {
			ends := bytes.IndexByte(got[i].value, 0) == len(got[i].value)-1
			value = fmt.Sprintf("%.*s", len(w[1]), got[i].value)
			if !ends {
				t.Errorf("%s is not a C string", w[0])
			}
		}
		if got[i].name != w[0] || value != w[1] {
			t.Errorf("claim %d is %s %s, want %s %s", i, got[i].name, value, w[0], w[1])
		}
	}
}

const (
	uuidReport = "c8303454d9234c2ca691df7def460a76"
	uuidECDSA  = "a3a21e871b4d4014b70aa125d2fbcd8c"
	uuidRaw    = "1923d91e12d24c72b22025cd8dace871"
	uuidLocal  = "09268c336e0b45e58a2715644d0ef89a"
)

func TestEvidence(t *testing.T) {
	p := newPlatform(t)
	own := newCPU(1)
	custom := []byte("an enclave's own claims")
	data := [64]byte{0xDA, 63: 0x7A}
	none, some := hashed(nil), hashed(custom)
	quote := p.quote(everything(data))
	local := func(data [64]byte) []byte {
		other := &cpu{body: everything([64]byte{})}
		report := other.Report(own.body.Target(), data)
		return report.Append(nil)
	}
	reportData := [][2]string{{"sgx_report_data", hex.EncodeToString(data[:])}}
	customClaim := [][2]string{{"custom_claims_buffer", hex.EncodeToString(custom)}}
	quoted := platformClaims(p)
	for name, test := range map[string]struct {
		evidence           []byte
		attributes, format string
		more               [][][2]string
	}{
		"report":            {oe.Report(quote, true), "03", uuidReport, [][][2]string{quoted, reportData}},
		"report, and bytes": {append(oe.Report(quote, true), "after it"...), "03", uuidReport, [][][2]string{quoted, reportData}},
		"report as such":    {oe.Evidence(oe.FormatReport, oe.Report(quote, true)), "03", uuidReport, [][][2]string{quoted, reportData}},
		"bare quote":        {oe.Evidence(oe.FormatRawQuote, quote), "03", uuidRaw, [][][2]string{quoted, reportData}},
		"quote":             {oe.Evidence(oe.FormatECDSA, p.quote(everything(none))), "03", uuidECDSA, [][][2]string{quoted}},
		"quote and claims":  {oe.Evidence(oe.FormatECDSA, concat(p.quote(everything(some)), custom)), "03", uuidECDSA, [][][2]string{quoted, customClaim}},
		"local":             {oe.Evidence(oe.FormatLocal, local(none)), "01", uuidLocal, nil},
		"local and claims":  {oe.Evidence(oe.FormatLocal, concat(local(some), custom)), "01", uuidLocal, [][][2]string{customClaim}},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := ert.New(own, p), newMemory(room)
			if got := verifyEvidence(r, m, test.evidence); got != oe.OK {
				t.Fatal(got)
			}
			want := identityClaims(test.attributes, test.format)
			for _, more := range test.more {
				want = append(want, more...)
			}
			checkClaims(t, m.claims(), want)
			call(t, r, m, oe.CallFreeClaims, m.word(addrAt), m.word(sizeAt))
			if len(m.live) != 1 {
				t.Errorf("%d allocations are left beside the texts", len(m.live)-1)
			}
		})
	}
}

func hashed(claims []byte) (data [64]byte) {
	sum := sha256.Sum256(claims)
	copy(data[:], sum[:])
	return data
}

// Flags that are not set are claims too.
func TestFlagsNotSet(t *testing.T) {
	p := newPlatform(t)
	r, m := ert.New(newCPU(1), p), newMemory(room)
	body := newCPU(1).body
	body.MiscSelect, body.Attributes.Flags = 0, sgx.FlagInit
	if got := verifyEvidence(r, m, oe.Report(p.quote(body), true)); got != oe.OK {
		t.Fatal(got)
	}
	seen := 0
	for _, c := range m.claims() {
		switch c.name {
		case "sgx_pf_gp_exit_info_enabled", "sgx_is_mode64bit", "sgx_has_provision_key", "sgx_has_einittoken_key", "sgx_uses_kss":
			seen++
			if !bytes.Equal(c.value, []byte{0}) {
				t.Errorf("%s is %x", c.name, c.value)
			}
		case "attributes":
			if c.value[0] != 2 {
				t.Errorf("attributes are %x", c.value)
			}
		}
	}
	if seen != 5 {
		t.Errorf("%d flags", seen)
	}
}

// Who asks for no claims gets the verdict.
func TestVerdictOnly(t *testing.T) {
	p := newPlatform(t)
	r, m := ert.New(newCPU(1), p), newMemory(room)
	evidence := oe.Report(p.quote(newCPU(1).body), true)
	call(t, r, m, oe.CallVerifyEvidence, m.put(evidenceAt, evidence), uint64(len(evidence)), 0, 0)
	if len(m.live) != 1 {
		t.Errorf("%d allocations beside the texts", len(m.live)-1)
	}
}
