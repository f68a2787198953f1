package main

import (
	"encoding/hex"
	"fmt"

	"github.com/cleave-sdk/cleave/attest"
)

// td is a TDX trust domain. No policy of enclaves trusts it.
type td struct {
	MRTD        attest.TDMeasurement    `json:"mrtd"`
	RTMR        [4]attest.TDMeasurement `json:"rtmr"`
	ConfigID    attest.TDMeasurement    `json:"configID"`
	Owner       attest.TDMeasurement    `json:"owner"`
	OwnerConfig attest.TDMeasurement    `json:"ownerConfig"`
	Module      attest.TDMeasurement    `json:"module"`
	TCBSVN      string                  `json:"tcbsvn"`
	Attributes  string                  `json:"attributes"`
	XFAM        string                  `json:"xfam"`
}

func (v *verdict) decodeTD(quote []byte) error {
	q, err := attest.ParseTDQuote(quote)
	if err != nil {
		v.Error = err.Error()
		return err
	}
	platform, root, err := q.Origin()
	if err != nil {
		v.Error = err.Error()
		return err
	}
	v.identifyTD(&q.TD)
	v.place(platform, root)
	return nil
}

func (v *verdict) identifyTD(t *attest.TD) {
	v.TD = &td{
		MRTD: t.MRTD, RTMR: t.RTMR, ConfigID: t.ConfigID, Owner: t.Owner, OwnerConfig: t.OwnerConfig, Module: t.Module,
		TCBSVN:     hex.EncodeToString(t.TCBSVN[:]),
		Attributes: fmt.Sprintf("%016x", t.Attributes),
		XFAM:       fmt.Sprintf("%016x", t.XFAM),
	}
	v.Debug = t.Debug
	v.ReportData = hex.EncodeToString(t.Data[:])
}

// authenticTD fills in what verification has found.
func (v *verdict) authenticTD(r *attest.TDReport) {
	v.Authentic = true
	v.identifyTD(&r.TD)
	v.place(r.Platform, r.Root)
	v.judge(&r.TCB.TCB, r.Judged, r.Expires)
	v.Stale = r.Stale()
	if r.TCB.Module.Status != 0 {
		v.TCB.Module = shareOf(r.TCB.Module)
	}
}

func (t *td) lines(debug bool) [][2]string {
	lines := [][2]string{{"MRTD", t.MRTD.String()}}
	for i, rtmr := range t.RTMR {
		lines = append(lines, [2]string{fmt.Sprintf("RTMR %d", i), rtmr.String()})
	}
	return append(lines,
		[2]string{"debug", yesNo(debug, "YES: its host can read its memory", "no")},
		[2]string{"module", t.Module.String() + ", TCB SVN " + t.TCBSVN},
		[2]string{"attributes", t.Attributes + ", XFAM " + t.XFAM})
}
