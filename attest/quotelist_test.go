package attest_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratls"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// A quoting is a certificate and who judges it.
type quoting struct {
	m       *machine // that quotes
	body    sgx.ReportBody
	v       *attest.Verifier
	quote   func(*issue.Quote)                       // changes it before it is signed
	replace func(t *testing.T, data [64]byte) []byte // makes another quote
	spoil   func(*issue.Quote)                       // changes it once it is signed
}

// TestQuoteList has what can be wrong with a quote that speaks for the right
// key, or with the enclave that it is of (section C of the list of attacks).
func TestQuoteList(t *testing.T) {
	flag := func(set, clear uint64) func(*testing.T, *quoting) {
		return func(_ *testing.T, s *quoting) { s.body.Attributes.Flags = s.body.Attributes.Flags&^clear | set }
	}
	status := func(name string) func(*testing.T, *quoting) {
		return func(t *testing.T, s *quoting) {
			judged := *s.m
			judged.status = name
			s.v.Collateral = judged.collateral(t)
		}
	}
	bySigner := func(s *quoting, product, minSVN uint16) {
		s.v.Policy = attest.Policy{Products: []attest.Product{attest.SignedBy(s.body.MRSIGNER, product, minSVN)}}
	}
	masked := func(s *quoting) {
		s.v.Policy.AttributeMask = attest.Attributes{Flags: sgx.FlagProvisionKey | sgx.FlagEINITToken}
	}
	// otherQE is judged by what is published of the machine's own.
	otherQE := func(change func(*sgx.ReportBody)) func(*testing.T, *quoting) {
		return func(_ *testing.T, s *quoting) {
			other := *s.m
			change(&other.qe)
			s.m = &other
		}
	}
	size := ^uint32(0)
	tests := []struct {
		name  string
		setup func(*testing.T, *quoting)
		want  error
	}{
		{"honest", func(*testing.T, *quoting) {}, nil},
		{"C_debug_bit", flag(sgx.FlagDebug, 0), attest.ErrPolicy},
		{"C_MRENCLAVE_mismatch", func(_ *testing.T, s *quoting) { s.body.MRENCLAVE[0]++ }, attest.ErrPolicy},
		{"C_MRSIGNER_mismatch", func(_ *testing.T, s *quoting) { bySigner(s, 7, 9); s.body.MRSIGNER[0]++ }, attest.ErrPolicy},
		{"C_SVN_lower", func(_ *testing.T, s *quoting) { bySigner(s, 7, 10) }, attest.ErrPolicy},
		{"C_SVN_reached", func(_ *testing.T, s *quoting) { bySigner(s, 7, 9) }, nil},
		{"C_product_wrong", func(_ *testing.T, s *quoting) { bySigner(s, 8, 9) }, attest.ErrPolicy},
		{"C_empty_policy", func(_ *testing.T, s *quoting) { s.v.Policy = attest.Policy{} }, attest.ErrPolicy},
		{"C_zero_product", func(_ *testing.T, s *quoting) {
			s.v.Policy = attest.Policy{Products: []attest.Product{{}}}
			s.body.MRSIGNER, s.body.ProductID = [32]byte{}, 0
		}, attest.ErrPolicy},
		{"C_INIT_bit_unset", flag(0, sgx.FlagInit), attest.ErrForged},
		{"C_provision_key_bit", func(t *testing.T, s *quoting) { masked(s); flag(sgx.FlagProvisionKey, 0)(t, s) }, attest.ErrPolicy},
		{"C_EINITTOKEN_key_bit", func(t *testing.T, s *quoting) { masked(s); flag(sgx.FlagEINITToken, 0)(t, s) }, attest.ErrPolicy},
		{"C_no_key_bits", func(_ *testing.T, s *quoting) { masked(s) }, nil},
		{"C_QE_product_wrong", otherQE(func(qe *sgx.ReportBody) { qe.ProductID++ }), attest.ErrForged},
		{"C_QE_MRSIGNER_wrong", otherQE(func(qe *sgx.ReportBody) { qe.MRSIGNER[0]++ }), attest.ErrForged},
		{"C_QE_attributes_wrong", otherQE(func(qe *sgx.ReportBody) { qe.Attributes.Flags |= sgx.FlagDebug }), attest.ErrForged},
		{"C_QE_SVN_low", otherQE(func(qe *sgx.ReportBody) { qe.SVN-- }), attest.ErrForged},
		{"C_attestation_key_not_bound", func(_ *testing.T, s *quoting) { s.spoil = func(q *issue.Quote) { q.AuthData[0] ^= 1 } }, attest.ErrForged},
		{"C_attestation_key_swapped", func(t *testing.T, s *quoting) {
			s.spoil = func(q *issue.Quote) { // signed anew, with a key the quoting enclave has not named
				key := newECDSA(t)
				report := slices.Clone(q.QEReport)
				check(t, q.BindKey(&key.PublicKey))
				q.QEReport = report
				check(t, q.Sign(key))
			}
		}, attest.ErrForged},
		{"C_quote_signature", func(_ *testing.T, s *quoting) { s.spoil = func(q *issue.Quote) { q.Signature[0] ^= 1 } }, attest.ErrForged},
		{"C_QE_report_signature", func(_ *testing.T, s *quoting) { s.spoil = func(q *issue.Quote) { q.QEReportSignature[0] ^= 1 } }, attest.ErrForged},
		{"C_wrong_root_same_name", func(t *testing.T, s *quoting) { s.m = newMachine(t) }, attest.ErrForged},
		{"C_wrong_root_Intel", func(_ *testing.T, s *quoting) { s.v.Root = nil }, attest.ErrForged},
		{"C_revoked_PCK", func(t *testing.T, s *quoting) {
			c := s.m.collateral(t)
			list := issue.CRL{Validity: issue.Days(s.m.now.AddDate(0, 0, -10), 30), Number: 1, Revoked: []*big.Int{s.m.pck.Certificate.SerialNumber}}
			c.PCKCRL = must(list.Sign(s.m.authority.PCKCA))(t)
			s.v.Collateral = c
		}, attest.ErrForged},
		{"C_TCB_OutOfDate", status("OutOfDate"), attest.ErrPolicy},
		{"C_TCB_Revoked", status("Revoked"), attest.ErrPolicy},
		{"C_TCB_ConfigurationNeeded", status("ConfigurationNeeded"), attest.ErrPolicy},
		{"C_TCB_SWHardeningNeeded", status("SWHardeningNeeded"), nil}, // accepted by default
		{"C_TCB_SWHardeningNeeded_refused", func(t *testing.T, s *quoting) {
			s.v.Policy.TCB = []attest.TCBStatus{attest.UpToDate}
			status("SWHardeningNeeded")(t, s)
		}, attest.ErrPolicy},
		{"C_expired_collateral", func(_ *testing.T, s *quoting) { s.v.Time = at(s.m.now.AddDate(0, 0, 21)) }, attest.ErrCollateral},
		{"C_FMSPC_mismatch", func(t *testing.T, s *quoting) {
			other := *s.m
			other.platform.FMSPC[0]++
			s.v.Collateral = other.collateral(t)
		}, attest.ErrCollateral},
		{"C_TDX_quote", func(_ *testing.T, s *quoting) {
			s.replace = func(t *testing.T, data [64]byte) []byte {
				td := trustDomain
				td.ReportData = data
				return s.m.sign(t, issue.NewTDQuote(&td, &s.m.qe, s.m.authority.PCKChain(s.m.pck)...))
			}
		}, attest.ErrUnsupported},
		{"C_version_4", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.Version = 4 } }, nil}, // of an enclave
		{"C_version_4_TEE", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.Version, q.TEE = 4, 0x81 } }, attest.ErrMalformed},
		{"C_signature_length_overflow", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.SignatureDataSize = &size } }, attest.ErrMalformed},
		{"C_certificate_length_overflow", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.CertDataSize = &size } }, attest.ErrMalformed},
		{"C_certificate_type_1", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.CertType = 1 } }, attest.ErrUnsupported},
		{"C_certificate_type_2", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.CertType = 2 } }, attest.ErrUnsupported},
		{"C_certificate_type_3", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.CertType = 3 } }, attest.ErrUnsupported},
		{"C_certificate_type_4", func(_ *testing.T, s *quoting) { s.quote = func(q *issue.Quote) { q.CertType = 4 } }, attest.ErrUnsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(t)
			s := &quoting{m: m, body: enclave("friend"), v: m.verifier(t, "friend")}
			test.setup(t, s)
			l := m.leaf(t, "friend")
			l.template.NotAfter = m.now.AddDate(0, 1, 0)
			data := must(ratls.DICE.ReportData(l.spki(t)))(t)
			l.add(wrapped(s.make(t, data), ratls.Claims(l.spki(t))))
			r, err := s.v.VerifyCertificate(t.Context(), l.parsed(t))
			if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
				t.Fatalf("%+v, %v; want %v", r, err, test.want)
			}
		})
	}
	t.Run("C_MRSIGNER_alone_refused", func(t *testing.T) {
		var p attest.Policy
		for _, text := range []string{`{"products":[{"signer":"` + attest.Signer{}.String() + `"}]}`, `{"products":[{"signer":"` + attest.Signer{}.String() + `","product":7}]}`} {
			if err := json.Unmarshal([]byte(text), &p); err == nil {
				t.Errorf("%s is a policy", text)
			}
		}
	})
}

func (s *quoting) make(t *testing.T, data [64]byte) []byte {
	t.Helper()
	if s.replace != nil {
		return s.replace(t, data)
	}
	body := s.body
	body.ReportData = data
	q := issue.NewQuote(&body, &s.m.qe, s.m.authority.PCKChain(s.m.pck)...)
	if s.quote != nil {
		s.quote(q)
	}
	s.m.sign(t, q)
	if s.spoil != nil {
		s.spoil(q)
	}
	return q.Append(nil)
}

// TestClockTwoYearsBack has a pair of enclaves on hosts whose clocks have been
// set back, which would make old evidence and old collateral look new.
func TestClockTwoYearsBack(t *testing.T) {
	m := newMachine(t)
	cert := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
	v := m.verifier(t, "friend")
	v.Time = at(m.now.AddDate(-2, 0, 0))
	if r, err := v.VerifyCertificate(t.Context(), cert); err == nil {
		t.Errorf("%+v", r)
	}
	now := m.now
	v = m.verifier(t, "friend")
	v.Time = func() time.Time { return now }
	_, err := v.VerifyCertificate(t.Context(), cert)
	check(t, err)
	old := newMachineAt(t, m.now.AddDate(-2, 0, 0))
	old.authority, old.pck, old.key = m.authority, m.pck, m.key
	now = old.now
	v.Collateral = old.collateral(t)
	if r, err := v.VerifyCertificate(t.Context(), old.leaf(t, "friend").in(t, ratls.DICE).parsed(t)); err == nil {
		t.Errorf("the verifier has gone back: %+v", r)
	}
}
