package issue

import (
	"crypto/x509"
	"encoding/binary"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// TD is what the TDX module says of a trust domain: TDREPORT's parts that a
// quote of version 4 signs, and with V15 those that TDX 1.5 adds in version 5.
type TD struct {
	TCBSVN         [16]byte // SVN of the module, its generation, SVN of microcode
	MRSEAM         [48]byte
	MRSIGNERSEAM   [48]byte
	SEAMAttributes uint64
	Attributes     uint64 // the first bit is DEBUG
	XFAM           uint64
	MRTD           [48]byte
	MRConfigID     [48]byte
	MROwner        [48]byte
	MROwnerConfig  [48]byte
	RTMR           [4][48]byte
	ReportData     [64]byte

	V15         bool
	TCBSVN2     [16]byte
	MRSERVICETD [48]byte
}

// Append appends 584 bytes, or 648 with V15, to b.
func (t *TD) Append(b []byte) []byte {
	b = append(b, t.TCBSVN[:]...)
	b = append(b, t.MRSEAM[:]...)
	b = append(b, t.MRSIGNERSEAM[:]...)
	b = binary.LittleEndian.AppendUint64(b, t.SEAMAttributes)
	b = binary.LittleEndian.AppendUint64(b, t.Attributes)
	b = binary.LittleEndian.AppendUint64(b, t.XFAM)
	for _, m := range [][48]byte{t.MRTD, t.MRConfigID, t.MROwner, t.MROwnerConfig, t.RTMR[0], t.RTMR[1], t.RTMR[2], t.RTMR[3]} {
		b = append(b, m[:]...)
	}
	b = append(b, t.ReportData[:]...)
	if t.V15 {
		b = append(b, t.TCBSVN2[:]...)
		b = append(b, t.MRSERVICETD[:]...)
	}
	return b
}

// NewTDQuote is NewQuote for a trust domain, of version 4, or 5 with V15.
func NewTDQuote(td *TD, qe *sgx.ReportBody, chain ...*x509.Certificate) *Quote {
	q := NewQuote(new(sgx.ReportBody), qe, chain...)
	q.Version, q.TEE, q.QESVN, q.BodyType = 4, 0x81, 0, 2
	if td.V15 {
		q.Version, q.BodyType = 5, 3
	}
	q.Body = td.Append(nil)
	return q
}

// NewTDXInfo is NewTCBInfo for the trust domains of p under the TDX module
// that td is of.
func NewTDXInfo(p *Platform, td *TD, v Validity) TCBInfo {
	info := NewTCBInfo(p, v)
	info.ID = "TDX"
	for _, svn := range td.TCBSVN {
		info.Levels[0].TCB.TDX = append(info.Levels[0].TCB.TDX, Component{SVN: int(svn)})
	}
	module := TDXModule{
		MRSIGNER:      fmt.Sprintf("%X", td.MRSIGNERSEAM),
		Attributes:    "0000000000000000",
		AttributeMask: "FFFFFFFFFFFFFFFF",
	}
	info.TDXModule = &module
	if td.TCBSVN[1] > 0 {
		generation := module
		generation.ID = fmt.Sprintf("TDX_%02X", td.TCBSVN[1])
		generation.Levels = []QELevel{{TCB: QETCB{int(td.TCBSVN[0])}, Date: Date(v.From), Status: "UpToDate"}}
		info.TDXModules = []TDXModule{generation}
	}
	return info
}

// NewTDQEIdentity is NewQEIdentity for the quoting enclave of trust domains.
func NewTDQEIdentity(qe *sgx.ReportBody, v Validity) QEIdentity {
	q := NewQEIdentity(qe, v)
	q.ID = "TD_QE"
	return q
}
