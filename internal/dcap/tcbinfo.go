package dcap

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// tcbInfo is Intel's TCB info of versions 2 and 3: the levels of one family of
// platforms, best first.
type tcbInfo struct {
	validity
	tee    uint32
	fmspc  [6]byte
	pceID  [2]byte
	levels []tcbLevel

	// For TDX only.
	module  tdxModule   // of generation 0
	modules []tdxModule // of the others
}

type tcbLevel struct {
	components [16]uint8
	tdx        [16]uint8 // for TDX only
	pceSVN     uint16
	judgement
}

// A judgement is what Intel says of a level.
type judgement struct {
	Date       time.Time `json:"tcbDate"`
	Status     Status    `json:"tcbStatus"`
	Advisories []string  `json:"advisoryIDs"`
}

func (j judgement) valid() bool { return !j.Date.IsZero() && j.Status.published() }

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

// tdxInfoJSON is for trust domains.
type tdxInfoJSON struct {
	tcbInfoJSON `json:",inline"`
	Module      tdxModuleJSON    `json:"tdxModule"`
	Modules     *[]tdxModuleJSON `json:"tdxModuleIdentities"`
}

func parseTCBDocument(b []byte) (document, error) {
	var signed struct {
		Body      jsontext.Value `json:"tcbInfo"`
		Signature hexBytes       `json:"signature"`
	}
	if len(b) > maxDocumentSize || json.Unmarshal(b, &signed, strict) != nil {
		return document{}, collateral("TCB_INFO_UNSUPPORTED_FORMAT", "the TCB info cannot be read: fetch the collateral again")
	}
	return document{what: "TCB info", name: "TCB_INFO", body: signed.Body, signature: signed.Signature}, nil
}

func (d *document) tcbInfo() (*tcbInfo, error) {
	t := new(tcbInfo)
	var body tdxInfoJSON
	var err error
	if d.peek("id") == idTDX {
		t.tee = TEETDX
		err = d.decode(&body)
	} else {
		err = d.decode(&body.tcbInfoJSON)
	}
	if err != nil {
		return nil, err
	}
	if !t.fill(&body.tcbInfoJSON) || t.tee == TEETDX && !t.fillModules(&body) {
		return nil, d.incomplete()
	}
	return t, nil
}

const (
	idSGX = "SGX"
	idTDX = "TDX"
)

func (t *tcbInfo) fill(body *tcbInfoJSON) bool {
	read, ok := levelReader(body)
	if !ok || !body.valid() || body.TCBType == nil || *body.TCBType != 0 || len(body.Levels) == 0 ||
		body.FMSPC.fill(t.fmspc[:]) != nil || body.PCEID.fill(t.pceID[:]) != nil {
		return false
	}
	t.validity = body.validity
	for _, l := range body.Levels {
		level := tcbLevel{judgement: l.judgement}
		if !level.valid() || !read(&level, l.TCB) || slices.ContainsFunc(t.levels, level.same) {
			return false
		}
		t.levels = append(t.levels, level)
	}
	return true
}

// levelReader knows the ways in which levels have been written.
func levelReader(body *tcbInfoJSON) (func(*tcbLevel, []byte) bool, bool) {
	switch {
	case body.Version == 2 && body.ID == nil:
		return (*tcbLevel).readV2, true
	case body.Version == 3 && body.ID != nil && *body.ID == idSGX:
		return (*tcbLevel).readV3, true
	case body.Version == 3 && body.ID != nil && *body.ID == idTDX:
		return (*tcbLevel).readTDX, true
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

type tcbJSON struct {
	Components []componentJSON `json:"sgxtcbcomponents"`
	PCESVN     *uint16         `json:"pcesvn"`
}

type componentJSON struct {
	SVN      *uint8 `json:"svn"`
	Category string `json:"category"`
	Type     string `json:"type"`
}

func (l *tcbLevel) readV3(b []byte) bool {
	var tcb tcbJSON
	return json.Unmarshal(b, &tcb, strict) == nil && l.fill(&tcb)
}

func (l *tcbLevel) readTDX(b []byte) bool {
	var tcb struct {
		tcbJSON `json:",inline"`
		TDX     []componentJSON `json:"tdxtcbcomponents"`
	}
	return json.Unmarshal(b, &tcb, strict) == nil && l.fill(&tcb.tcbJSON) && fillComponents(&l.tdx, tcb.TDX)
}

func (l *tcbLevel) fill(tcb *tcbJSON) bool {
	if tcb.PCESVN == nil {
		return false
	}
	l.pceSVN = *tcb.PCESVN
	return fillComponents(&l.components, tcb.Components)
}

// fillComponents takes exactly sixteen.
func fillComponents(dst *[16]uint8, components []componentJSON) bool {
	if len(components) != len(dst) {
		return false
	}
	for i, c := range components {
		if c.SVN == nil {
			return false
		}
		dst[i] = *c.SVN
	}
	return true
}

func (l *tcbLevel) same(other tcbLevel) bool {
	return l.components == other.components && l.tdx == other.tdx && l.pceSVN == other.pceSVN
}
