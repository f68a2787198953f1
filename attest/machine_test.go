package attest_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// noon is when synthetic evidence is judged, in the middle of its validity.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A machine is a synthetic SGX platform with an authority of its own.
type machine struct {
	now       time.Time
	status    string // of its TCB
	authority *issue.Authority
	pck       *issue.Entity
	key       *ecdsa.PrivateKey // its quoting enclave's
	platform  issue.Platform
	qe        sgx.ReportBody
}

func newMachine(t testing.TB) *machine { return newMachineAt(t, noon) }

func newMachineAt(t testing.TB, now time.Time) *machine {
	t.Helper()
	names := issue.SimulatorNames()
	life := issue.Days(now.AddDate(-1, 0, 0), 10*365)
	m := &machine{
		now:       now,
		status:    "UpToDate",
		authority: must(issue.NewAuthority(names, life))(t),
		key:       must(issue.NewKey())(t),
		platform: issue.Platform{
			FMSPC:      [6]byte{0x00, 0x90, 0x6E, 0xD5, 0xAB, 0xCD},
			PPID:       [16]byte{1, 2, 3},
			Components: [16]uint8{1, 2, 3},
			PCESVN:     13,
		},
		qe: sgx.ReportBody{
			Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64 | sgx.FlagProvisionKey, XFRM: 3},
			MRSIGNER:   sha256.Sum256([]byte("who signs the quoting enclave")),
			ProductID:  1,
			SVN:        8,
		},
	}
	m.pck = must(m.authority.PCK(names.PCK, life, m.platform))(t)
	return m
}

// enclave is one whose measurement and signer come from a name.
func enclave(name string) sgx.ReportBody {
	return sgx.ReportBody{
		Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64, XFRM: 3},
		MRENCLAVE:  sha256.Sum256([]byte(name)),
		MRSIGNER:   sha256.Sum256([]byte("signer of " + name)),
		ProductID:  7,
		SVN:        9,
	}
}

// quote has the machine quote an enclave with this report data.
func (m *machine) quote(t testing.TB, body sgx.ReportBody, data [64]byte) []byte {
	t.Helper()
	body.ReportData = data
	return m.sign(t, issue.NewQuote(&body, &m.qe, m.authority.PCKChain(m.pck)...))
}

// tdQuote has the machine quote a trust domain.
func (m *machine) tdQuote(t testing.TB, data [64]byte) []byte {
	t.Helper()
	td := trustDomain
	td.ReportData = data
	return m.sign(t, issue.NewTDQuote(&td, &m.qe, m.authority.PCKChain(m.pck)...))
}

var trustDomain = issue.TD{TCBSVN: [16]byte{5, 1, 2}, MRTD: [48]byte{0x7D}}

// tdCollateral is for trust domains.
func (m *machine) tdCollateral(t testing.TB) *attest.Collateral {
	t.Helper()
	c := m.collateral(t)
	valid := issue.Days(m.now.AddDate(0, 0, -10), 30)
	c.TCBInfo = must(issue.NewTDXInfo(&m.platform, &trustDomain, valid).Sign(m.authority.TCBSigning))(t)
	c.QEIdentity = must(issue.NewTDQEIdentity(&m.qe, valid).Sign(m.authority.TCBSigning))(t)
	return c
}

func (m *machine) sign(t testing.TB, q *issue.Quote) []byte {
	t.Helper()
	check(t, q.BindKey(&m.key.PublicKey))
	check(t, q.SignQEReport(m.pck.Key))
	check(t, q.Sign(m.key))
	return q.Append(nil)
}

func (m *machine) collateral(t testing.TB) *attest.Collateral {
	t.Helper()
	valid := issue.Days(m.now.AddDate(0, 0, -10), 30)
	info := issue.NewTCBInfo(&m.platform, valid)
	info.Levels[0].Status = m.status
	info.Levels[0].Advisories = []string{"INTEL-SA-00001"}
	identity := issue.NewQEIdentity(&m.qe, valid)
	chain := issue.PEM(m.authority.TCBSigningChain()...)
	return &attest.Collateral{
		TCBInfo:         must(info.Sign(m.authority.TCBSigning))(t),
		TCBInfoChain:    chain,
		QEIdentity:      must(identity.Sign(m.authority.TCBSigning))(t),
		QEIdentityChain: chain,
		RootCRL:         must(issue.CRL{Validity: valid, Number: 1}.Sign(m.authority.Root))(t),
		PCKCRL:          must(issue.CRL{Validity: valid, Number: 1}.Sign(m.authority.PCKCA))(t),
	}
}

// verifier trusts the machine's root and its enclaves of these names.
func (m *machine) verifier(t testing.TB, names ...string) *attest.Verifier {
	t.Helper()
	v := &attest.Verifier{
		Root:       m.authority.Root.Certificate,
		Collateral: m.collateral(t),
		Time:       func() time.Time { return m.now },
	}
	for _, name := range names {
		v.Policy.Builds = append(v.Policy.Builds, enclave(name).MRENCLAVE)
	}
	return v
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func unmarshal(t testing.TB, b []byte, v any) {
	t.Helper()
	check(t, json.Unmarshal(b, v))
}
