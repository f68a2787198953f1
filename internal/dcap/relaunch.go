package dcap

// relaunch judges a trust domain of TDX 1.5 that was launched under a TDX
// module which is out of date, on a host that has been updated since: the
// module that runs now is good, and a new launch would make the domain so too.
func (p *proven) relaunch(tcb TCB, sgx *tcbLevel, td *TDBody) (TCB, error) {
	if tcb.Module.Status != OutOfDate || tcb.QE.Status != UpToDate ||
		sgx.Status.with(OutOfDate) == sgx.Status || // it is out of date itself, or revoked
		tcb.Status != OutOfDate && tcb.Status != OutOfDateConfigurationNeeded {
		return tcb, nil
	}
	latest, err := p.tcbInfo.isLatest(td)
	if err != nil || !latest {
		return tcb, err
	}
	if sgx.Status.configurable() || tcb.Status.configurable() {
		tcb.Status = RelaunchAdvisedConfigurationNeeded
	} else {
		tcb.Status = RelaunchAdvised
	}
	return tcb, nil
}

// isLatest reports whether the module that runs now, and its microcode, reach
// the best level there is.
func (t *tcbInfo) isLatest(td *TDBody) (bool, error) {
	svn, best := td.TEETCBSVN2, &t.levels[0].tdx
	least := uint16(best[0])
	if svn[1] > 0 {
		m := t.generation(svn[1])
		if m == nil {
			return false, forged("TDX_MODULE_MISMATCH", "the TCB info does not know generation %d of the TDX module", svn[1])
		}
		least = *m.levels[0].TCB.SVN
	}
	return uint16(svn[0]) >= least && svn[2] >= best[2], nil
}
