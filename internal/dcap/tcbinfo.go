package dcap

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// tcbInfo is Intel's TCB info of versions 2 and 3 for SGX: the levels of one
// family of platforms, best first.
type tcbInfo struct {
	validity
	fmspc  [6]byte
	pceID  [2]byte
	levels []tcbLevel
}

type tcbLevel struct {
	components [16]uint8
	pceSVN     uint16
	judgement
}

// A judgement is what Intel says of a level.
type judgement struct {
	Date       time.Time `json:"tcbDate"`
	Status     Status    `json:"tcbStatus"`
	Advisories []string  `json:"advisoryIDs"`
}

func (j judgement) valid() bool { return !j.Date.IsZero() && j.Status != StatusUnknown }

// ofEnclave reports whether the status is one that a single enclave can have.
// Statuses of whole platforms have no rule by which they would converge.
func (j judgement) ofEnclave() bool {
	return j.Status == UpToDate || j.Status == OutOfDate || j.Status == Revoked
}

type tcbInfoJSON struct {
	ID       *string  `json:"id"`
	Version  int      `json:"version"`
	FMSPC    hexBytes `json:"fmspc"`
	PCEID    hexBytes `json:"pceId"`
	TCBType  *int     `json:"tcbType"`
	validity `json:",inline"`
	Levels   []struct {
		TCB       jsontext.Value `json:"tcb"`
		judgement `json:",inline"`
	} `json:"tcbLevels"`
}

func parseTCBDocument(b []byte) (document, error) {
	var signed struct {
		Body      jsontext.Value `json:"tcbInfo"`
		Signature hexBytes       `json:"signature"`
	}
	if len(b) > maxDocumentSize || json.Unmarshal(b, &signed, strict) != nil {
		return document{}, collateral("TCB_INFO_UNSUPPORTED_FORMAT", "the TCB info cannot be read: fetch the collateral again")
	}
	return document{signed.Body, signed.Signature}, nil
}

func (d document) tcbInfo() (*tcbInfo, error) {
	var body tcbInfoJSON
	if err := json.Unmarshal(d.body, &body, strict); err != nil {
		return nil, collateral("TCB_INFO_INVALID", "the TCB info does not follow Intel's schema: %.200v", err)
	}
	info := &tcbInfo{validity: body.validity}
	if !info.fill(&body) {
		return nil, collateral("TCB_INFO_INVALID", "the TCB info is not one of version 2 or 3 for SGX with all its fields")
	}
	return info, nil
}

func (t *tcbInfo) fill(body *tcbInfoJSON) bool {
	read, ok := levelReader(body)
	if !ok || body.TCBType == nil || *body.TCBType != 0 || len(body.Levels) == 0 ||
		body.FMSPC.fill(t.fmspc[:]) != nil || body.PCEID.fill(t.pceID[:]) != nil {
		return false
	}
	for _, l := range body.Levels {
		level := tcbLevel{judgement: l.judgement}
		if !level.valid() || !read(&level, l.TCB) {
			return false
		}
		t.levels = append(t.levels, level)
	}
	return true
}

// levelReader knows the two ways in which levels have been written.
func levelReader(body *tcbInfoJSON) (func(*tcbLevel, []byte) bool, bool) {
	switch {
	case body.Version == 2 && body.ID == nil:
		return (*tcbLevel).readV2, true
	case body.Version == 3 && body.ID != nil && *body.ID == "SGX":
		return (*tcbLevel).readV3, true
	}
	return nil, false
}

func (l *tcbLevel) readV2(b []byte) bool {
	var tcb struct {
		C01    *uint8  `json:"sgxtcbcomp01svn"`
		C02    *uint8  `json:"sgxtcbcomp02svn"`
		C03    *uint8  `json:"sgxtcbcomp03svn"`
		C04    *uint8  `json:"sgxtcbcomp04svn"`
		C05    *uint8  `json:"sgxtcbcomp05svn"`
		C06    *uint8  `json:"sgxtcbcomp06svn"`
		C07    *uint8  `json:"sgxtcbcomp07svn"`
		C08    *uint8  `json:"sgxtcbcomp08svn"`
		C09    *uint8  `json:"sgxtcbcomp09svn"`
		C10    *uint8  `json:"sgxtcbcomp10svn"`
		C11    *uint8  `json:"sgxtcbcomp11svn"`
		C12    *uint8  `json:"sgxtcbcomp12svn"`
		C13    *uint8  `json:"sgxtcbcomp13svn"`
		C14    *uint8  `json:"sgxtcbcomp14svn"`
		C15    *uint8  `json:"sgxtcbcomp15svn"`
		C16    *uint8  `json:"sgxtcbcomp16svn"`
		PCESVN *uint16 `json:"pcesvn"`
	}
	if json.Unmarshal(b, &tcb, strict) != nil || tcb.PCESVN == nil {
		return false
	}
	l.pceSVN = *tcb.PCESVN
	for i, svn := range [...]*uint8{tcb.C01, tcb.C02, tcb.C03, tcb.C04, tcb.C05, tcb.C06, tcb.C07, tcb.C08,
		tcb.C09, tcb.C10, tcb.C11, tcb.C12, tcb.C13, tcb.C14, tcb.C15, tcb.C16} {
		if svn == nil {
			return false
		}
		l.components[i] = *svn
	}
	return true
}

func (l *tcbLevel) readV3(b []byte) bool {
	var tcb struct {
		Components []struct {
			SVN      *uint8 `json:"svn"`
			Category string `json:"category"`
			Type     string `json:"type"`
		} `json:"sgxtcbcomponents"`
		PCESVN *uint16 `json:"pcesvn"`
	}
	if json.Unmarshal(b, &tcb, strict) != nil || tcb.PCESVN == nil || len(tcb.Components) != len(l.components) {
		return false
	}
	l.pceSVN = *tcb.PCESVN
	for i, c := range tcb.Components {
		if c.SVN == nil {
			return false
		}
		l.components[i] = *c.SVN
	}
	return true
}

// level returns the first level that p reaches in every component.
func (t *tcbInfo) level(p *Platform) (*tcbLevel, error) {
	if t.fmspc != p.FMSPC || t.pceID != p.PCEID {
		return nil, collateral("TCB_INFO_MISMATCH", "the TCB info is for platforms %x, this one is a %x: fetch the collateral for it", t.fmspc, p.FMSPC)
	}
	for i := range t.levels {
		if t.levels[i].reachedBy(p) {
			return &t.levels[i], nil
		}
	}
	return nil, forged("TCB_NOT_SUPPORTED", "the platform's TCB is below every level that Intel judges")
}

func (l *tcbLevel) reachedBy(p *Platform) bool {
	for i, svn := range l.components {
		if p.Components[i] < svn {
			return false
		}
	}
	return p.PCESVN >= l.pceSVN
}
