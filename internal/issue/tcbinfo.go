package issue

import "fmt"

// TCBInfo is the body of a TCB info document, version 3, with its members in
// Intel's order. Dates and hex digits are text, so that wrong ones can be
// written too.
type TCBInfo struct {
	ID               string      `json:"id"` // "SGX" or "TDX"
	Version          int         `json:"version"`
	IssueDate        string      `json:"issueDate"`
	NextUpdate       string      `json:"nextUpdate"`
	FMSPC            string      `json:"fmspc"`
	PCEID            string      `json:"pceId"`
	TCBType          int         `json:"tcbType"`
	EvaluationNumber int         `json:"tcbEvaluationDataNumber"`
	TDXModule        *TDXModule  `json:"tdxModule,omitempty"`           // of "TDX" only
	TDXModules       []TDXModule `json:"tdxModuleIdentities,omitempty"` // of "TDX" only
	Levels           []TCBLevel  `json:"tcbLevels"`                     // the first that a platform reaches is its own
}

// TDXModule describes the TDX module, or one generation of it.
type TDXModule struct {
	ID            string    `json:"id,omitempty"` // of a generation, "TDX_01"
	MRSIGNER      string    `json:"mrsigner"`
	Attributes    string    `json:"attributes"`
	AttributeMask string    `json:"attributesMask"`
	Levels        []QELevel `json:"tcbLevels,omitempty"` // of a generation
}

// TCBLevel is what a platform with at least these SVNs is worth.
type TCBLevel struct {
	TCB        TCB      `json:"tcb"`
	Date       string   `json:"tcbDate"`
	Status     string   `json:"tcbStatus"`
	Advisories []string `json:"advisoryIDs,omitempty"`
}

// TCB is a set of SVNs: sixteen components of the platform and the
// provisioning certification enclave's.
type TCB struct {
	Components []Component `json:"sgxtcbcomponents"`
	PCESVN     int         `json:"pcesvn"`
	TDX        []Component `json:"tdxtcbcomponents,omitempty"`
}

// Component is the SVN of one part of the TCB, and what that part is.
type Component struct {
	SVN      int    `json:"svn"`
	Category string `json:"category,omitempty"`
	Type     string `json:"type,omitempty"`
}

// EvaluationNumber is the number of the round of TCB recoveries which
// NewTCBInfo and NewQEIdentity name, a current one.
const EvaluationNumber = 21

// NewTCBInfo says that p is up to date, and nothing of anything below it.
func NewTCBInfo(p *Platform, v Validity) TCBInfo {
	return TCBInfo{
		ID:               "SGX",
		Version:          3,
		IssueDate:        Date(v.From),
		NextUpdate:       Date(v.Until),
		FMSPC:            fmt.Sprintf("%X", p.FMSPC),
		PCEID:            fmt.Sprintf("%X", p.PCEID),
		EvaluationNumber: EvaluationNumber,
		Levels:           []TCBLevel{{TCB: p.TCB(), Date: Date(v.From), Status: "UpToDate"}},
	}
}

// TCB is the level p itself is at.
func (p *Platform) TCB() TCB {
	tcb := TCB{PCESVN: int(p.PCESVN)}
	for _, svn := range p.Components {
		tcb.Components = append(tcb.Components, Component{SVN: int(svn)})
	}
	return tcb
}

// Body is the JSON that is signed.
func (t TCBInfo) Body() ([]byte, error) { return compact(t) }

// Sign returns the document as the service gives it.
func (t TCBInfo) Sign(by *Entity) ([]byte, error) {
	body, err := t.Body()
	if err != nil {
		return nil, err
	}
	return SignDocument(by, "tcbInfo", body)
}
