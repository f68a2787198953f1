package issue

import (
	"encoding/binary"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// QEIdentity is the body of a QE identity document, version 2, with its
// members in Intel's order. Masks and values are text in upper-case hex of the
// bytes as they are in memory, little-endian.
type QEIdentity struct {
	ID               string    `json:"id"` // "QE", "TD_QE" or "QVE"
	Version          int       `json:"version"`
	IssueDate        string    `json:"issueDate"`
	NextUpdate       string    `json:"nextUpdate"`
	EvaluationNumber int       `json:"tcbEvaluationDataNumber"`
	MiscSelect       string    `json:"miscselect"`
	MiscMask         string    `json:"miscselectMask"`
	Attributes       string    `json:"attributes"`
	AttributeMask    string    `json:"attributesMask"`
	MRSIGNER         string    `json:"mrsigner"`
	ProductID        int       `json:"isvprodid"`
	Levels           []QELevel `json:"tcbLevels"` // the first that the enclave reaches is its own
}

// QELevel is what an enclave with at least this SVN is worth.
type QELevel struct {
	TCB        QETCB    `json:"tcb"`
	Date       string   `json:"tcbDate"`
	Status     string   `json:"tcbStatus"`
	Advisories []string `json:"advisoryIDs,omitempty"`
}

// QETCB is the SVN of an enclave.
type QETCB struct {
	SVN int `json:"isvsvn"`
}

// NewQEIdentity says that the quoting enclave which qe describes is up to
// date. As in Intel's, its attributes are masked by all flags but MODE64 and by
// no bit of XFRM.
func NewQEIdentity(qe *sgx.ReportBody, v Validity) QEIdentity {
	mask := sgx.Attributes{Flags: ^uint64(sgx.FlagMode64)}
	return QEIdentity{
		ID:               "QE",
		Version:          2,
		IssueDate:        Date(v.From),
		NextUpdate:       Date(v.Until),
		EvaluationNumber: EvaluationNumber,
		MiscSelect:       fmt.Sprintf("%X", binary.LittleEndian.AppendUint32(nil, qe.MiscSelect)),
		MiscMask:         "FFFFFFFF",
		Attributes:       fmt.Sprintf("%X", qe.Attributes.And(mask).Append(nil)),
		AttributeMask:    fmt.Sprintf("%X", mask.Append(nil)),
		MRSIGNER:         fmt.Sprintf("%X", qe.MRSIGNER),
		ProductID:        int(qe.ProductID),
		Levels:           []QELevel{{TCB: QETCB{int(qe.SVN)}, Date: Date(v.From), Status: "UpToDate"}},
	}
}

// Body is the JSON that is signed.
func (q QEIdentity) Body() ([]byte, error) { return compact(q) }

// Sign returns the document as the service gives it.
func (q QEIdentity) Sign(by *Entity) ([]byte, error) {
	body, err := q.Body()
	if err != nil {
		return nil, err
	}
	return SignDocument(by, "enclaveIdentity", body)
}
