package host_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// Every value that EGo's GetSelfReport reads, and the claims of the same report
// as evidence.
func TestSelfReport(t *testing.T) {
	production := egocalls(t)
	for name, debug := range map[string]bool{"production": false, "debug": true} {
		got, simulator := production.variant("debug", debug).run("self")
		id := simulator.Identity
		attributes := map[bool]string{false: "0000000000000000", true: "0100000000000000"}[debug]
		want := printed{
			"size":    "152 2 64 384 0 0",
			"svn":     "3",
			"unique":  id.Measurement.String(),
			"signer":  id.Signer.String(),
			"product": "07000000000000000000000000000000",
			"data":    strings.Repeat("00", 64),
			"offsets": "336 16",
			"verdict": "<nil>",

			"id_version":           "00000000",
			"attributes":           attributes,
			"security_version":     "03000000",
			"unique_id":            id.Measurement.String(),
			"signer_id":            id.Signer.String(),
			"product_id":           "07000000000000000000000000000000",
			"format_uuid":          "09268c336e0b45e58a2715644d0ef89a",
			"custom_claims_buffer": hex.EncodeToString([]byte("claims of its own")),
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %s is %q, want %q", name, k, got[k], v)
			}
		}
		if n := len(got) - 9 + 1; n != 18 { // what is no claim but for the attributes
			t.Errorf("%s: %d claims", name, n)
		}
	}
}

// A quote, verified by the runtime that made it: every claim is what the quote
// and the machine's collateral say, and the collateral among them is enough to
// verify the quote by.
func TestRemoteReportAndItsClaims(t *testing.T) {
	r := egocalls(t)
	got, simulator := r.run("quote", "what the enclave says")
	quote := got.bytes(t, "quote")[16:]
	subject, err := attest.SubjectOf(quote)
	if err != nil {
		t.Fatal(err)
	}
	id := simulator.Identity
	var data [64]byte
	copy(data[:], "what the enclave says")
	for name, want := range map[string]string{
		"verdict":                     "<nil>",
		"id_version":                  "00000000",
		"security_version":            "03000000",
		"attributes":                  "0200000000000000",
		"unique_id":                   id.Measurement.String(),
		"signer_id":                   id.Signer.String(),
		"product_id":                  "07000000000000000000000000000000",
		"format_uuid":                 "c8303454d9234c2ca691df7def460a76",
		"sgx_pf_gp_exit_info_enabled": "00",
		"sgx_isv_extended_product_id": strings.Repeat("00", 16),
		"sgx_is_mode64bit":            "01",
		"sgx_has_provision_key":       "00",
		"sgx_has_einittoken_key":      "00",
		"sgx_uses_kss":                "00",
		"sgx_config_id":               strings.Repeat("00", 64),
		"sgx_config_svn":              "0000",
		"sgx_isv_family_id":           strings.Repeat("00", 16),
		"sgx_cpu_svn":                 hex.EncodeToString(quote[48:64]),
		"tcb_status":                  "00000000",
		"ueid":                        "01" + hex.EncodeToString(quote[28:48]) + strings.Repeat("00", 12),
		"hardware_model":              hex.EncodeToString(subject.FMSPC[:]),
		"sgx_pce_svn":                 hex.EncodeToString(quote[10:12]),
		"sgx_tcb_info_index":          "00000000",
		"sgx_report_data":             hex.EncodeToString(data[:]),
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 2+33 {
		t.Errorf("%d claims: %v", len(got)-2, slices.Sorted(maps.Keys(got)))
	}
	now := time.Now()
	certified, from, until := got.date(t, "tcb_date"), got.date(t, "validity_from"), got.date(t, "validity_until")
	if certified.After(now) || from.After(now) || until.Before(now) {
		t.Errorf("certified at %v, valid from %v to %v", certified, from, until)
	}
	v := &attest.Verifier{
		Policy:     attest.Policy{Builds: []attest.Measurement{id.Measurement}},
		Root:       simulator.Root,
		Collateral: got.collateral(t),
	}
	if _, err := v.Verify(t.Context(), quote, data); err != nil {
		t.Errorf("by the collateral in the claims: %v", err)
	}
}

// date reads an oe_datetime_t.
func (p printed) date(t *testing.T, name string) time.Time {
	t.Helper()
	b := p.bytes(t, name)
	if len(b) != 24 {
		t.Fatalf("%s has %d bytes", name, len(b))
	}
	at := func(i int) int { return int(binary.LittleEndian.Uint32(b[4*i:])) }
	return time.Date(at(0), time.Month(at(1)), at(2), at(3), at(4), at(5), 0, time.UTC)
}

// collateral is that of the claims, which are C strings.
func (p printed) collateral(t *testing.T) *attest.Collateral {
	t.Helper()
	text := func(name string) []byte {
		b := p.bytes(t, name)
		if b[len(b)-1] != 0 {
			t.Errorf("%s is not a C string", name)
		}
		return b[:len(b)-1]
	}
	if chain := text("sgx_crl_issuer_chain"); bytes.Count(chain, []byte("BEGIN CERTIFICATE")) != 2 {
		t.Errorf("the revocation list's issuers are %s", chain)
	}
	return &attest.Collateral{
		TCBInfo: text("sgx_tcb_info"), TCBInfoChain: text("sgx_tcb_issuer_chain"),
		QEIdentity: text("sgx_qe_id_info"), QEIdentityChain: text("sgx_qe_id_issuer_chain"),
		RootCRL: text("sgx_root_ca_crl"), PCKCRL: text("sgx_pck_crl"),
	}
}

// Another instance verifies the quote, another machine does not.
func TestVerifyAnothersReport(t *testing.T) {
	alice := egocalls(t)
	bob := alice.variant("securityVersion", 9)
	got, _ := alice.run("quote", "from Alice")
	for name, test := range map[string]struct {
		by     runs
		report string
		want   string
	}{
		"another instance": {bob, got["quote"], "<nil>"},
		"another machine":  {bob.elsewhere(), got["quote"], "OE_QUOTE_VERIFICATION_ERROR"},
		"changed":          {bob, got["quote"][:200] + "ff" + got["quote"][202:], "OE_VERIFY_FAILED"},
		"cut":              {bob, got["quote"][:len(got["quote"])-2], "OE_REPORT_PARSE_ERROR"},
		"garbage":          {bob, "00", "OE_INVALID_PARAMETER"},
		"nothing":          {bob, "", "OE_INVALID_PARAMETER"},
	} {
		p, _ := test.by.run("verify", test.report)
		if p["verdict"] != test.want || (test.want == "<nil>") != (p["security_version"] == "03000000") {
			t.Errorf("%s: %q, %d claims", name, p["verdict"], len(p)-1)
		}
	}
}

func TestSealKeys(t *testing.T) {
	r := egocalls(t)
	got, _ := r.run("keys")
	unique, product, id := got.bytes(t, "unique"), got.bytes(t, "product"), got.bytes(t, "id")
	for name, key := range map[string][]byte{"unique": unique, "product": product, "id": id} {
		if len(key) != 16 || bytes.Equal(key, make([]byte, 16)) {
			t.Errorf("the %s key is %x", name, key)
		}
	}
	if bytes.Equal(unique, product) || bytes.Equal(product, id) {
		t.Error("two keys are one")
	}
	again, _ := r.run("keys")
	if again["id"] != got["id"] || again["unique"] == got["unique"] || again["product"] == got["product"] {
		t.Error("the machine has another ID, or a random key is not")
	}
	for refused, want := range map[string]string{
		"svn": "OE_INVALID_ISVSVN", "cpusvn": "OE_INVALID_CPUSVN", "config": "OE_INVALID_ISVSVN",
		"kss": "OE_INVALID_PARAMETER", "name": "OE_INVALID_PARAMETER", "launch": "OE_INVALID_PARAMETER", "reserved": "OE_INVALID_PARAMETER",
	} {
		if key, ok := got["refused-"+refused+"-"+want]; !ok || key != "" {
			t.Errorf("%s: %v", refused, slices.Sorted(maps.Keys(got)))
		}
	}
}

// Sealed in one run, opened in another, by whom it was sealed for.
func TestSealAcrossRuns(t *testing.T) {
	first := egocalls(t)
	older := first.variant("securityVersion", 2)
	blobs, _ := first.run("seal", "a secret")
	for name, test := range map[string]struct {
		by              runs
		unique, product bool
	}{
		"itself":          {first, true, true},
		"next version":    {first.variant("securityVersion", 4), false, true},
		"older version":   {older, false, false},
		"another product": {first.variant("productID", 8), false, false},
		"another machine": {first.elsewhere(), false, false},
	} {
		for binding, opens := range map[string]bool{"unique": test.unique, "product": test.product} {
			p, _ := test.by.run("open", blobs[binding])
			if got := p["opened"] == hex.EncodeToString([]byte("a secret")); got != opens {
				t.Errorf("%s, %s: %v", name, binding, p)
			}
		}
	}
	p, _ := older.run("open", blobs["product"])
	if p["error"] != "OE_INVALID_ISVSVN" {
		t.Errorf("an older version is told %q", p["error"])
	}
}

// EGo's local attestation: each side makes a report for the other.
func TestLocalAttestation(t *testing.T) {
	alice := egocalls(t)
	bob := alice.variant("securityVersion", 9)
	target, _ := alice.run("report", "")
	report, simulator := bob.run("report", "from Bob", target["report"])
	got, _ := alice.run("check", report["report"])
	if got["unique"] != simulator.Identity.Measurement.String() || got["svn"] != "9" || !strings.HasPrefix(got["data"], hex.EncodeToString([]byte("from Bob"))) {
		t.Errorf("%v", got)
	}
	for name, test := range map[string]struct {
		by   runs
		args string
		want string
	}{
		"its maker":   {bob, report["report"], "OE_VERIFY_FAILED_AES_CMAC_MISMATCH"},
		"for nobody":  {alice, target["report"], "OE_VERIFY_FAILED_AES_CMAC_MISMATCH"},
		"cut":         {alice, report["report"][:len(report["report"])-2], "OE_INCORRECT_REPORT_SIZE"},
		"no report":   {alice, "0100000003000000" + strings.Repeat("00", 8), "OE_UNSUPPORTED"},
		"no size":     {alice, "01", "OE_INVALID_PARAMETER"},
		"of no bytes": {alice, "", "OE_INVALID_PARAMETER"},
	} {
		if p, _ := test.by.run("check", test.args); p["error"] != test.want {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func TestResultTexts(t *testing.T) {
	got, _ := egocalls(t).run("texts")
	for i := range oe.Results + 2 {
		if text := got[fmt.Sprint(uint64(i))]; text != i.String() {
			t.Errorf("%d is %q", uint64(i), text)
		}
	}
}
