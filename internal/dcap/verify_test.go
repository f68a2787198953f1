package dcap_test

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

func TestVerdict(t *testing.T) {
	s := newScene()
	s.tcbInfo.Levels[0].Advisories = []string{"INTEL-SA-00615", "INTEL-SA-00219"}
	s.tcbInfo.Levels[0].Date = "2025-05-01T00:00:00Z"
	s.qeIdentity.Levels[0].Advisories = []string{"INTEL-SA-00477", "INTEL-SA-00219"}
	s.qeIdentity.Levels[0].Date = "2025-04-01T00:00:00Z"
	s.tcbInfo.EvaluationNumber, s.qeIdentity.EvaluationNumber = 17, 18
	e := s.play(t)
	v, err := e.verify()
	check(t, err)
	if v.Body != s.body || v.Platform.FMSPC != s.platform.FMSPC || v.Platform.PPID != s.platform.PPID {
		t.Errorf("of %+v on %+v", v.Body, v.Platform)
	}
	if v.Root != sha256.Sum256(e.root) {
		t.Errorf("root %x", v.Root)
	}
	if want := []string{"INTEL-SA-00219", "INTEL-SA-00477", "INTEL-SA-00615"}; !slices.Equal(v.TCB.Advisories, want) {
		t.Errorf("advisories %v, want %v", v.TCB.Advisories, want)
	}
	if want := time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC); v.TCB.Status != dcap.UpToDate || !v.TCB.Date.Equal(want) || v.TCB.Evaluation != 17 {
		t.Errorf("%+v", v.TCB)
	}
}

// TestEarlier has the platform's date and evaluation the earlier ones.
func TestEarlier(t *testing.T) {
	s := newScene()
	s.tcbInfo.Levels[0].Date = "2024-04-01T00:00:00Z"
	s.tcbInfo.EvaluationNumber, s.qeIdentity.EvaluationNumber = 18, 17
	v, err := s.play(t).verify()
	check(t, err)
	if v.TCB.Date.Year() != 2024 || v.TCB.Evaluation != 17 || v.TCB.Advisories != nil {
		t.Errorf("%+v", v.TCB)
	}
}

// TestConvergence is Intel's table: what the quoting enclave's status makes of
// the platform's.
func TestConvergence(t *testing.T) {
	tests := map[string]map[string]string{
		"UpToDate":                          {"UpToDate": "UpToDate", "OutOfDate": "OutOfDate", "Revoked": "Revoked"},
		"SWHardeningNeeded":                 {"UpToDate": "SWHardeningNeeded", "OutOfDate": "OutOfDate", "Revoked": "Revoked"},
		"ConfigurationNeeded":               {"UpToDate": "ConfigurationNeeded", "OutOfDate": "OutOfDateConfigurationNeeded", "Revoked": "Revoked"},
		"ConfigurationAndSWHardeningNeeded": {"UpToDate": "ConfigurationAndSWHardeningNeeded", "OutOfDate": "OutOfDateConfigurationNeeded", "Revoked": "Revoked"},
		"OutOfDate":                         {"UpToDate": "OutOfDate", "OutOfDate": "OutOfDate", "Revoked": "Revoked"},
		"OutOfDateConfigurationNeeded":      {"UpToDate": "OutOfDateConfigurationNeeded", "OutOfDate": "OutOfDateConfigurationNeeded", "Revoked": "Revoked"},
		"Revoked":                           {"UpToDate": "Revoked", "OutOfDate": "Revoked", "Revoked": "Revoked"},
	}
	for platform, enclaves := range tests {
		for enclave, want := range enclaves {
			s := newScene()
			s.tcbInfo.Levels[0].Status = platform
			s.qeIdentity.Levels[0].Status = enclave
			v, err := s.play(t).verify()
			if err != nil || v.TCB.Status.String() != want {
				t.Errorf("%s with a quoting enclave %s: %+v, %v; want %s", platform, enclave, v, err, want)
			}
		}
	}
}

// TestExpires shortens one life at a time: each counts.
func TestExpires(t *testing.T) {
	soon := noon.Add(time.Hour)
	tests := map[string]change{
		"root":                func(s *scene) { s.rootProfile.Validity.Until = soon },
		"PCK CA":              func(s *scene) { s.caProfile.Validity.Until = soon },
		"PCK":                 func(s *scene) { s.pckProfile.Validity.Until = soon },
		"TCB signer":          func(s *scene) { s.signingProfile.Validity.Until = soon },
		"root CA list":        func(s *scene) { s.rootCRL.Validity.Until = soon },
		"PCK list":            func(s *scene) { s.pckCRL.Validity.Until = soon },
		"TCB info":            func(s *scene) { s.tcbInfo.NextUpdate = issue.Date(soon) },
		"QE identity":         func(s *scene) { s.qeIdentity.NextUpdate = issue.Date(soon) },
		"QE identity's chain": documents()["QE identity"].chained(signing(t, func(p *issue.Profile) { p.Validity.Until = soon })),
		"TCB info's chain":    documents()["TCB info"].chained(signing(t, func(p *issue.Profile) { p.Validity.Until = soon })),
		"TCB info chain's root": documents()["TCB info"].chained(func(p *people) []byte {
			profile := issue.RootCA(issue.SimulatorNames().Root, issue.Validity{From: lifetime.From, Until: soon})
			return issue.PEM(p.signing.Certificate, must(profile.Issue(nil, p.root.Key))(t).Certificate)
		}),
	}
	for name, change := range tests {
		s := newScene()
		change(s)
		e := s.play(t)
		v, err := e.verify()
		if err != nil || !v.Expires.Equal(soon) {
			t.Errorf("%s: %+v, %v; want %v", name, v, err, soon)
			continue
		}
		e.now = v.Expires.Add(time.Second)
		if v, err := e.verify(); err == nil || v != nil {
			t.Errorf("%s: verifies after it has expired", name)
		}
	}
}

func TestStatusText(t *testing.T) {
	for s := dcap.UpToDate; s <= dcap.RelaunchAdvisedConfigurationNeeded; s++ {
		text, err := s.MarshalText()
		var back dcap.Status
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%v: %q, %v, read as %v", s, text, err, back)
		}
	}
	for _, s := range []dcap.Status{dcap.StatusUnknown, -1, dcap.RelaunchAdvisedConfigurationNeeded + 1} {
		if text, err := s.MarshalText(); err == nil || text != nil || s.String() == "" {
			t.Errorf("%v has the text %q", s, text)
		}
	}
	for _, text := range []string{"", "Unknown", "uptodate", "UpToDate "} {
		s := dcap.Revoked
		if err := s.UnmarshalText([]byte(text)); err == nil || s != dcap.Revoked {
			t.Errorf("%q is %v", text, s)
		}
	}
}
