package dcap

import (
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// TCB is Intel's judgement of the platform, its quoting enclave and, for trust
// domains, the TDX module together, and the share that each has in it.
type TCB struct {
	Share
	Platform Share
	QE       Share
	Module   Share // zero where there is none, or the platform's level judges it
}

// Share is a judgement of a part.
type Share struct {
	Status     Status
	Advisories []string  // that apply; those of a whole TCB are sorted
	Date       time.Time // up to when known weaknesses are accounted for
	Evaluation uint32    // number of Intel's evaluation: of a whole TCB, the lower
}

// share is for callers to keep: it shares nothing with the documents.
func share(j *judgement, v validity) Share {
	if j == nil {
		return Share{}
	}
	return Share{j.Status, slices.Clone(j.Advisories), j.Date, *v.Evaluation}
}

// judge finds the levels of all parts and lets their statuses converge.
func (p *proven) judge(q *Quote, pck *Platform, qe *sgx.ReportBody) (TCB, error) {
	if err := p.tcbInfo.match(q.TEE, pck); err != nil {
		return TCB{}, err
	}
	if err := p.qeIdentity.match(q.TEE, qe); err != nil {
		return TCB{}, err
	}
	platform, module, err := p.tcbInfo.levelsOf(q, pck)
	if err != nil {
		return TCB{}, err
	}
	enclave, err := p.qeIdentity.level(qe)
	if err != nil {
		return TCB{}, err
	}
	tcb := TCB{
		Platform: share(&platform.reached.judgement, p.tcbInfo.validity),
		Module:   share(module, p.tcbInfo.validity),
		QE:       share(enclave, p.qeIdentity.validity),
	}
	tcb.Share = join(tcb.Platform, tcb.Module, tcb.QE)
	if platform.sgx.Status == Revoked {
		tcb.Status = Revoked
	}
	if q.TD != nil && q.TD.V15 {
		return p.relaunch(tcb, platform.sgx, q.TD)
	}
	return tcb, nil
}

// join lets components converge with the first, the platform.
func join(platform Share, components ...Share) Share {
	for _, c := range components {
		if c.Status == StatusUnknown {
			continue
		}
		platform.Status = platform.Status.with(c.Status)
		platform.Advisories = slices.Concat(platform.Advisories, c.Advisories)
		platform.Date = earliest(platform.Date, c.Date)
		platform.Evaluation = min(platform.Evaluation, c.Evaluation)
	}
	slices.Sort(platform.Advisories)
	platform.Advisories = slices.Compact(platform.Advisories)
	return platform
}

// levels are what a platform reaches: for a trust domain, with and without the
// components of TDX.
type levels struct {
	sgx, reached *tcbLevel
}

// match verifies that the TCB info is about such platforms.
func (t *tcbInfo) match(tee uint32, p *Platform) error {
	switch {
	case t.tee != tee:
		return collateral("TCB_INFO_MISMATCH", "the TCB info is for another TEE: fetch the collateral for this one")
	case t.fmspc != p.FMSPC || t.pceID != p.PCEID:
		return collateral("TCB_INFO_MISMATCH", "the TCB info is for platforms %x, this one is a %x: fetch the collateral for it", t.fmspc, p.FMSPC)
	}
	return nil
}

// levelsOf returns the first level that the platform reaches, and that which
// the TDX module reaches.
func (t *tcbInfo) levelsOf(q *Quote, p *Platform) (levels, *judgement, error) {
	if q.TD == nil {
		found, err := t.level(p, nil)
		return found, nil, err
	}
	m, err := t.moduleOf(q.TD)
	if err != nil {
		return levels{}, nil, err
	}
	found, err := t.level(p, q.TD)
	if err != nil {
		return levels{}, nil, err
	}
	module, err := m.level(q.TD)
	return found, module, err
}

func (t *tcbInfo) level(p *Platform, td *TDBody) (found levels, err error) {
	for i := range t.levels {
		l := &t.levels[i]
		if !l.reachedBy(p) {
			continue
		}
		if found.sgx == nil {
			found.sgx = l
		}
		if td == nil || l.reachedByTD(td) {
			found.reached = l
			return found, nil
		}
	}
	return levels{}, forged("TCB_NOT_SUPPORTED", "the platform's TCB is below every level that Intel judges")
}

func (l *tcbLevel) reachedBy(p *Platform) bool {
	return atLeast(p.Components[:], l.components[:]) && p.PCESVN >= l.pceSVN
}

// reachedByTD leaves the module's own SVN and generation out where the module
// has levels of its own.
func (l *tcbLevel) reachedByTD(td *TDBody) bool {
	from := 0
	if td.TEETCBSVN[1] > 0 {
		from = 2
	}
	return atLeast(td.TEETCBSVN[from:], l.tdx[from:])
}

// atLeast compares one by one. Both have the same length.
func atLeast(svns, least []uint8) bool {
	for i, svn := range least {
		if svns[i] < svn {
			return false
		}
	}
	return true
}
