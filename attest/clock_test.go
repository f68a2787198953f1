package attest_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// evaluated is collateral with these evaluation numbers, of these days.
func (m *machine) evaluated(t testing.TB, tcbInfo, qe int, valid issue.Validity) *attest.Collateral {
	t.Helper()
	c := *m.collateral(t)
	info, identity := issue.NewTCBInfo(&m.platform, valid), issue.NewQEIdentity(&m.qe, valid)
	info.EvaluationNumber, identity.EvaluationNumber = tcbInfo, qe
	return &attest.Collateral{
		TCBInfo:         must(info.Sign(m.authority.TCBSigning))(t),
		TCBInfoChain:    c.TCBInfoChain,
		QEIdentity:      must(identity.Sign(m.authority.TCBSigning))(t),
		QEIdentityChain: c.QEIdentityChain,
		RootCRL:         must(issue.CRL{Validity: valid, Number: 1}.Sign(m.authority.Root))(t),
		PCKCRL:          must(issue.CRL{Validity: valid, Number: 1}.Sign(m.authority.PCKCA))(t),
	}
}

// TestClockNeverGoesBack has a host that sets its clock back to keep a
// judgement alive that has expired.
func TestClockNeverGoesBack(t *testing.T) {
	m := newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	old := m.evaluated(t, 21, 21, issue.Days(noon.AddDate(0, 0, -10), 15)) // until noon + 5 days
	current := m.evaluated(t, 21, 21, issue.Days(noon, 30))
	verify := func(v *attest.Verifier, c *attest.Collateral, days int) error {
		v.Collateral, v.Time = c, at(noon.AddDate(0, 0, days))
		_, err := v.Verify(t.Context(), quote, [64]byte{})
		return err
	}
	v := m.verifier(t, "friend")
	check(t, verify(v, old, 4))
	check(t, verify(v, old, 2)) // at day 4
	check(t, verify(v, current, 6))
	err := verify(v, old, 4)
	if !errors.Is(err, attest.ErrCollateral) {
		t.Errorf("what has expired is alive again: %v", err)
	}
	oneSentence(t, err)
	check(t, verify(m.verifier(t, "friend"), old, 4)) // that of another run

	// A clock that is wrong for a moment is forgiven, if nothing verified then.
	v = m.verifier(t, "friend")
	if err := verify(v, current, 4000); err == nil {
		t.Error("trusted in eleven years")
	}
	check(t, verify(v, old, 4))

	// The certificate's dates are held against the same clock.
	v = m.verifier(t, "friend")
	d := m.draft(t, "friend")
	d.from, d.until = noon.AddDate(0, 0, 3), noon.AddDate(0, 0, 5)
	leaf := d.leaf(t)
	v.Collateral, v.Time = current, at(noon.AddDate(0, 0, 4))
	_, err = v.VerifyCertificate(t.Context(), leaf)
	check(t, err)
	check(t, verify(v, current, 6))
	v.Time = at(noon.AddDate(0, 0, 4))
	if _, err := v.VerifyCertificate(t.Context(), leaf); !errors.Is(err, attest.ErrForged) {
		t.Errorf("an expired certificate: %v", err)
	}
}

// TestEvaluationNeverGoesBack has a host that shows an older judgement, which
// has not expired, once a newer one has been seen.
func TestEvaluationNeverGoesBack(t *testing.T) {
	m := newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	v := m.verifier(t, "friend")
	valid := issue.Days(noon, 30)
	for _, step := range []struct {
		tcbInfo, qe int
		ok          bool
	}{
		{20, 20, true}, {20, 20, true}, {21, 20, true}, {21, 21, true}, {20, 20, false},
		{20, 21, false}, {21, 20, false}, {20, 99, false}, {21, 21, true}, {22, 23, true}, {22, 22, false}, {22, 23, true},
	} {
		v.Collateral = m.evaluated(t, step.tcbInfo, step.qe, valid)
		_, err := v.Verify(t.Context(), quote, [64]byte{})
		if (err == nil) != step.ok || err != nil && !errors.Is(err, attest.ErrCollateral) {
			t.Errorf("TCB info %d, QE identity %d: %v", step.tcbInfo, step.qe, err)
		}
		if err != nil {
			oneSentence(t, err)
		}
	}
}

// TestClockIsBounded: platforms are judged each by its own, and only so many
// are remembered.
func TestClockIsBounded(t *testing.T) {
	var c attest.Clock
	verdict := func(platform, evaluation int) *dcap.Verdict {
		v := &dcap.Verdict{Platform: dcap.Platform{FMSPC: [6]byte{byte(platform), byte(platform >> 8)}}}
		v.TCB.Platform.Evaluation, v.TCB.QE.Evaluation = uint32(evaluation), uint32(evaluation)
		return v
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range attest.MaxLines {
				if err := c.Saw(verdict(i+n*attest.MaxLines, 21), noon.Add(time.Duration(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if c.Lines() != attest.MaxLines {
		t.Errorf("%d are remembered", c.Lines())
	}
	c = attest.Clock{}
	check(t, c.Saw(verdict(1, 21), noon))
	check(t, c.Saw(verdict(2, 20), noon))
	if err := c.Saw(verdict(1, 20), noon); !errors.Is(err, attest.ErrCollateral) {
		t.Error(err)
	}
	other := verdict(1, 20)
	other.Root[0] = 1
	check(t, c.Saw(other, noon))
}

// TestClockOvertaken: of two verifications at once, the later began first and
// ended last.
func TestClockOvertaken(t *testing.T) {
	var c attest.Clock
	check(t, c.Saw(new(dcap.Verdict), noon))
	check(t, c.Saw(new(dcap.Verdict), noon.Add(-time.Hour)))
	for reading, want := range map[time.Duration]time.Duration{-2 * time.Hour: 0, 0: 0, time.Hour: time.Hour} {
		if got := c.Now(noon.Add(reading)); !got.Equal(noon.Add(want)) {
			t.Errorf("noon and %v is noon and %v", reading, got.Sub(noon))
		}
	}
}
