package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
)

// release is a TCB level, which the authority knows since Date.
type release struct {
	CPUSVN [16]byte  `json:"cpuSVN"`
	Date   time.Time `json:"date"`
}

var errNewest = errors.New("the microcode has the highest version there is; reset the machine for a new one")

// UpdateMicrocode raises the CPUSVN, to that of the newest TCB level if the
// machine is behind, and gets the machine a PCK certificate for it. What was
// sealed before opens as before; what is sealed from then on does not open
// on a CPU that has not been updated.
//
// It is a reboot: machines opened before it go on with the old microcode.
func (m *Machine) UpdateMicrocode() error {
	return m.change("microcode update", func(s *state) error { return s.updateMicrocode(m.now()) })
}

// RecoverTCB has the authority announce a weakness and the TCB level that
// mends it, which is above the machine's: its TCB is out of date, with an
// advisory, until UpdateMicrocode. A service that runs says so at once.
func (m *Machine) RecoverTCB() error {
	return m.change("TCB recovery", func(s *state) error { return s.recoverTCB(m.now()) })
}

// RevokePCK puts the machine's PCK certificate into the revocation list, as
// after the key has become known. UpdateMicrocode brings another. A service
// that runs serves the new list at once.
func (m *Machine) RevokePCK() error {
	return m.change("revocation", (*state).revokePCK)
}

func (m *Machine) change(what string, f func(*state) error) error {
	if err := m.keeper.change(f); err != nil {
		return fmt.Errorf("sim: %s: %w", what, err)
	}
	return nil
}

func (s *state) updateMicrocode(now time.Time) error {
	next, ok := nextCPUSVN(s.CPUSVN)
	if !ok {
		return errNewest
	}
	s.CPUSVN = highest(next, s.newest())
	pck, err := s.authority().PCK(issue.SimulatorNames().PCK, issue.Validity{From: now.Add(-skew), Until: s.Root.Certificate.c.NotAfter}, s.platform())
	if err != nil {
		return err
	}
	s.PCK = entityOf(pck)
	return nil
}

func (s *state) recoverTCB(now time.Time) error {
	next, ok := nextCPUSVN(highest(s.CPUSVN, s.newest()))
	if !ok {
		return errNewest
	}
	s.announce(next, now)
	return nil
}

func (s *state) revokePCK() error {
	if !s.revoked(s.PCK.Certificate) {
		s.Revoked = append(s.Revoked, s.PCK.Certificate)
	}
	return nil
}

func (s *state) revoked(pck certificate) bool {
	return slices.ContainsFunc(s.Revoked, func(c certificate) bool { return c.c.Equal(pck.c) })
}

func (s *state) announce(cpuSVN [16]byte, now time.Time) {
	s.TCB = append(s.TCB, release{cpuSVN, now.UTC().Truncate(time.Second)})
}

func (s *state) newest() [16]byte { return s.TCB[len(s.TCB)-1].CPUSVN }

// nextCPUSVN raises the two components that stand for microcode, loaded early
// and late.
func nextCPUSVN(svn [16]byte) (next [16]byte, ok bool) {
	next = svn
	next[0]++
	next[1]++
	return next, svn[0] < 255 && svn[1] < 255
}

func highest(a, b [16]byte) [16]byte {
	for i := range a {
		a[i] = max(a[i], b[i])
	}
	return a
}

// levels are those of TCB info, best first. Every recovery that a level has
// missed is an advisory.
func (s *state) levels() []issue.TCBLevel {
	var levels []issue.TCBLevel
	status, missed := "UpToDate", []string(nil)
	for i, r := range slices.Backward(s.TCB) {
		p := s.platform()
		p.Components = r.CPUSVN
		levels = append(levels, issue.TCBLevel{TCB: p.TCB(), Date: issue.Date(r.Date), Status: status, Advisories: slices.Sorted(slices.Values(missed))})
		status, missed = "OutOfDate", append(missed, fmt.Sprintf("CLEAVE-SA-%05d", i))
	}
	return levels
}

// evaluation is the number of the authority's latest round of judgements.
func (s *state) evaluation() int { return issue.EvaluationNumber + len(s.TCB) - 1 }
