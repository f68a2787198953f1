package attest_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// TestReportIsComplete has every fact once, each of its own value.
func TestReportIsComplete(t *testing.T) {
	m := newMachine(t)
	m.platform.Type, m.platform.PCEID, m.platform.InstanceID = issue.ScalableWithIntegrity, [2]byte{0, 1}, [16]byte{15: 4}
	m.platform.Dynamic, m.platform.SMT = true, true
	m.pck = must(m.authority.PCK(issue.SimulatorNames().PCK, issue.Days(noon.AddDate(-1, 0, 0), 3650), m.platform))(t)
	body := enclave("friend")
	body.Attributes = sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64 | sgx.FlagKSS, XFRM: 0xE7}
	body.CPUSVN, body.MiscSelect = [16]byte{1, 15: 2}, 1
	body.FamilyID, body.ExtProductID, body.ConfigID, body.ConfigSVN = [16]byte{3}, [16]byte{4}, [64]byte{63: 5}, 6
	quote := m.quote(t, body, [64]byte{7})

	r, err := m.verifier(t).Authenticate(t.Context(), quote)
	check(t, err)
	details := attest.Details{
		Attributes: attest.Attributes{Flags: 0x85, XFRM: 0xE7}, MiscSelect: 1, CPUSVN: [16]byte{1, 15: 2},
		KSS: attest.KSS{FamilyID: attest.ID{3}, ExtendedProductID: attest.ID{4}, ConfigID: attest.ConfigID{63: 5}, ConfigSVN: 6},
	}
	if r.Details != details {
		t.Errorf("%+v, want %+v", r.Details, details)
	}
	platform := attest.Platform{
		FMSPC: m.platform.FMSPC, PPID: m.platform.PPID, PCEID: [2]byte{0, 1}, Type: attest.ScalableWithIntegrity, InstanceID: [16]byte{15: 4},
		Dynamic: attest.Stated{Known: true, Value: true}, CachedKeys: attest.Stated{Known: true}, SMT: attest.Stated{Known: true, Value: true},
	}
	if r.Platform != platform {
		t.Errorf("%+v, want %+v", r.Platform, platform)
	}
	if !r.Judged.Equal(noon) || r.Stale() {
		t.Errorf("judged %v, stale %v", r.Judged, r.Stale())
	}
	q, err := attest.ParseQuote(quote)
	check(t, err)
	if q.Details != details {
		t.Errorf("the quote has %+v", q.Details)
	}
	for fact, want := range map[attest.Stated]string{r.Platform.SMT: "yes", r.Platform.CachedKeys: "no", {}: "not stated", {Value: true}: "not stated"} {
		if fact.String() != want {
			t.Errorf("%+v is %q", fact, fact)
		}
	}
}

// TestShares says who has which share in the verdict.
func TestShares(t *testing.T) {
	m := newMachine(t)
	valid := issue.Days(noon.AddDate(0, 0, -10), 30)
	info, identity := issue.NewTCBInfo(&m.platform, valid), issue.NewQEIdentity(&m.qe, valid)
	info.EvaluationNumber, info.Levels[0].Status = 22, "ConfigurationNeeded"
	info.Levels[0].Date, info.Levels[0].Advisories = "2025-05-14T00:00:00Z", []string{"INTEL-SA-00002", "INTEL-SA-00001"}
	identity.EvaluationNumber, identity.Levels[0].Status = 21, "OutOfDate"
	identity.Levels[0].Date, identity.Levels[0].Advisories = "2024-03-13T00:00:00Z", []string{"INTEL-SA-00003", "INTEL-SA-00001"}
	c := *m.collateral(t)
	collateral := &attest.Collateral{
		TCBInfo: must(info.Sign(m.authority.TCBSigning))(t), TCBInfoChain: c.TCBInfoChain,
		QEIdentity: must(identity.Sign(m.authority.TCBSigning))(t), QEIdentityChain: c.QEIdentityChain, RootCRL: c.RootCRL, PCKCRL: c.PCKCRL,
	}
	v := m.verifier(t)
	v.Collateral = collateral
	quote := m.quote(t, enclave("friend"), [64]byte{})
	for range 2 { // the second after the first has been tampered with
		r, err := v.Authenticate(t.Context(), quote)
		check(t, err)
		for name, test := range map[string]struct {
			got, want attest.Share
		}{
			"whole": {attest.Share{Status: r.TCB.Status, Advisories: r.TCB.Advisories, Date: r.TCB.Date, Evaluation: r.TCB.Evaluation},
				attest.Share{Status: attest.OutOfDateConfigurationNeeded, Advisories: []string{"INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003"},
					Date: time.Date(2024, 3, 13, 0, 0, 0, 0, time.UTC), Evaluation: 21}},
			"platform": {r.TCB.Platform, attest.Share{Status: attest.ConfigurationNeeded, Advisories: []string{"INTEL-SA-00002", "INTEL-SA-00001"},
				Date: time.Date(2025, 5, 14, 0, 0, 0, 0, time.UTC), Evaluation: 22}},
			"quoting enclave": {r.TCB.QuotingEnclave, attest.Share{Status: attest.OutOfDate, Advisories: []string{"INTEL-SA-00003", "INTEL-SA-00001"},
				Date: time.Date(2024, 3, 13, 0, 0, 0, 0, time.UTC), Evaluation: 21}},
		} {
			if test.got.Status != test.want.Status || !slices.Equal(test.got.Advisories, test.want.Advisories) ||
				!test.got.Date.Equal(test.want.Date) || test.got.Evaluation != test.want.Evaluation {
				t.Errorf("%s: %+v, want %+v", name, test.got, test.want)
			}
			clear(test.got.Advisories) // a report is its owner's
		}
	}
}

// TestGrace: what has expired counts for so long, and the report says so.
func TestGrace(t *testing.T) {
	m := newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	expiry := noon.AddDate(0, 0, 20)
	tests := map[string]struct {
		now   time.Time
		grace time.Duration
		want  error
		stale bool
	}{
		"before it expires":         {expiry, 0, nil, false},
		"a second later, no grace":  {expiry.Add(time.Second), 0, attest.ErrCollateral, false},
		"a second later, negative":  {expiry.Add(time.Second), -time.Hour, attest.ErrCollateral, false},
		"negative, before":          {expiry, -time.Hour, nil, false},
		"within grace":              {expiry.Add(time.Second), time.Hour, nil, true},
		"last second of it":         {expiry.Add(time.Hour), time.Hour, nil, true},
		"a second beyond":           {expiry.Add(time.Hour + time.Second), time.Hour, attest.ErrCollateral, false},
		"before it was issued":      {noon.AddDate(0, 0, -10).Add(-time.Second), time.Hour, attest.ErrCollateral, false},
		"grace, while it is valid":  {noon, time.Hour, nil, false},
		"grace beyond certificates": {noon.AddDate(20, 0, 0), 1 << 62, attest.ErrForged, false},
	}
	for name, test := range tests {
		v := m.verifier(t, "friend")
		v.Policy.Grace, v.Time = test.grace, at(test.now)
		r, err := v.Verify(t.Context(), quote, [64]byte{})
		if !errors.Is(err, test.want) || r != nil && (r.Stale() != test.stale || !r.Expires.Equal(expiry)) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if r == nil || !test.stale {
			continue
		}
		strict := attest.Policy{Builds: v.Policy.Builds}
		var refused *attest.PolicyError
		if err := strict.Check(r); !errors.As(err, &refused) || refused.Rule != "grace" {
			t.Errorf("%s: another policy, without grace: %v", name, err)
		}
	}
}

// TestPolicyApplies has rules of all groups decide a real verification.
func TestPolicyApplies(t *testing.T) {
	m := newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	for rule, change := range map[string]func(*attest.Policy){
		"":                  func(*attest.Policy) {},
		"minEvaluation":     func(p *attest.Policy) { p.MinEvaluation = 22 },
		"minTCBDate":        func(p *attest.Policy) { p.MinTCBDate = noon },
		"refusedAdvisories": func(p *attest.Policy) { p.RefusedAdvisories = []string{"INTEL-SA-00001"} },
		"allowPPIDs":        func(p *attest.Policy) { p.AllowPPIDs = []attest.PPID{{1}} },
		"denyFMSPCs":        func(p *attest.Policy) { p.DenyFMSPCs = []attest.FMSPC{m.platform.FMSPC} },
		"minConfigSVN":      func(p *attest.Policy) { p.MinConfigSVN = 1 },
	} {
		v := m.verifier(t, "friend")
		change(&v.Policy)
		_, err := v.Verify(t.Context(), quote, [64]byte{})
		_, certErr := v.VerifyCertificate(t.Context(), m.draft(t, "friend").leaf(t))
		for _, err := range []error{err, certErr} {
			var p *attest.PolicyError
			if rule == "" && err != nil || rule != "" && (!errors.As(err, &p) || p.Rule != rule) {
				t.Errorf("%q: %v", rule, err)
			}
		}
		// Authentic it is in any case.
		_, err = v.Authenticate(t.Context(), quote)
		check(t, err)
		_, err = v.AuthenticateCertificate(t.Context(), m.draft(t, "friend").leaf(t))
		check(t, err)
	}
}

// TestCheckLocal: only what a local report can show is asked for.
func TestCheckLocal(t *testing.T) {
	p := attest.Policy{Builds: []attest.Measurement{build}, MinEvaluation: 99, MinTCBDate: noon, AllowPPIDs: []attest.PPID{}, MinConfigSVN: 1}
	local := func() *attest.LocalReport {
		r := &attest.LocalReport{Identity: good().Identity}
		r.KSS.ConfigSVN = 1
		return r
	}
	check(t, p.CheckLocal(local()))
	for rule, change := range map[string]func(*attest.LocalReport){
		"builds, products": func(r *attest.LocalReport) { r.Measurement[0]++ },
		"allowDebug":       func(r *attest.LocalReport) { r.Debug = true },
		"minConfigSVN":     func(r *attest.LocalReport) { r.KSS.ConfigSVN = 0 },
	} {
		r := local()
		change(r)
		var refused *attest.PolicyError
		if err := p.CheckLocal(r); !errors.As(err, &refused) || refused.Rule != rule {
			t.Errorf("%s: %v", rule, err)
		}
	}
	if err := new(attest.Policy).CheckLocal(local()); !errors.Is(err, attest.ErrPolicy) {
		t.Errorf("the zero policy: %v", err)
	}
}
