package sgx

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// ReportBody is what EREPORT says of an enclave (384 bytes of REPORT), and
// what a quote signs.
type ReportBody struct {
	CPUSVN        [16]byte
	MiscSelect    uint32
	CETAttributes uint8
	ExtProductID  [16]byte // ISVEXTPRODID, with KSS
	Attributes    Attributes
	MRENCLAVE     [32]byte
	MRSIGNER      [32]byte
	ConfigID      [64]byte // with KSS
	ProductID     uint16   // ISVPRODID
	SVN           uint16   // ISVSVN
	ConfigSVN     uint16   // with KSS
	FamilyID      [16]byte // ISVFAMILYID, with KSS
	ReportData    [64]byte
}

// Report is a REPORT (432 bytes): a body with a MAC that only the target
// enclave, on the same CPU, can check.
type Report struct {
	Body  ReportBody
	KeyID [32]byte
	MAC   [16]byte
}

var (
	errReportBody = errors.New("sgx: not a report body of 384 bytes with zero reserved fields")
	errReport     = errors.New("sgx: not a report of 432 bytes with zero reserved fields")
)

// ParseReportBody parses exactly 384 bytes.
func ParseReportBody(b []byte) (ReportBody, error) {
	var body ReportBody
	s := lebyte.String(b)
	if !body.Read(&s) || !s.Empty() {
		return ReportBody{}, errReportBody
	}
	return body, nil
}

// Read reads r from s.
func (r *ReportBody) Read(s *lebyte.String) bool {
	return s.Copy(r.CPUSVN[:]) &&
		s.Uint32(&r.MiscSelect) &&
		s.Uint8(&r.CETAttributes) &&
		s.Zero(11) &&
		s.Copy(r.ExtProductID[:]) &&
		r.Attributes.Read(s) &&
		s.Copy(r.MRENCLAVE[:]) &&
		s.Zero(32) &&
		s.Copy(r.MRSIGNER[:]) &&
		s.Zero(32) &&
		s.Copy(r.ConfigID[:]) &&
		s.Uint16(&r.ProductID) &&
		s.Uint16(&r.SVN) &&
		s.Uint16(&r.ConfigSVN) &&
		s.Zero(42) &&
		s.Copy(r.FamilyID[:]) &&
		s.Copy(r.ReportData[:])
}

// Append appends the 384 bytes of r to b.
func (r *ReportBody) Append(b []byte) []byte {
	b = append(b, r.CPUSVN[:]...)
	b = binary.LittleEndian.AppendUint32(b, r.MiscSelect)
	b = append(b, r.CETAttributes)
	b = append(b, make([]byte, 11)...)
	b = append(b, r.ExtProductID[:]...)
	b = r.Attributes.Append(b)
	b = append(b, r.MRENCLAVE[:]...)
	b = append(b, make([]byte, 32)...)
	b = append(b, r.MRSIGNER[:]...)
	b = append(b, make([]byte, 32)...)
	b = append(b, r.ConfigID[:]...)
	b = binary.LittleEndian.AppendUint16(b, r.ProductID)
	b = binary.LittleEndian.AppendUint16(b, r.SVN)
	b = binary.LittleEndian.AppendUint16(b, r.ConfigSVN)
	b = append(b, make([]byte, 42)...)
	b = append(b, r.FamilyID[:]...)
	return append(b, r.ReportData[:]...)
}

// ParseReport parses exactly 432 bytes. The MAC is not checked: see
// [Report.Verify].
func ParseReport(b []byte) (Report, error) {
	var r Report
	s := lebyte.String(b)
	if !r.Body.Read(&s) || !s.Copy(r.KeyID[:]) || !s.Copy(r.MAC[:]) || !s.Empty() {
		return Report{}, errReport
	}
	return r, nil
}

// Append appends the 432 bytes of r to b.
func (r *Report) Append(b []byte) []byte {
	b = r.Body.Append(b)
	b = append(b, r.KeyID[:]...)
	return append(b, r.MAC[:]...)
}

// Sign sets the MAC of r: AES-128-CMAC over the body under the target
// enclave's REPORT key.
func (r *Report) Sign(key [16]byte) { r.MAC = r.mac(key) }

// Verify reports whether the MAC of r is right under the verifying enclave's
// own REPORT key, taking the same time whatever the answer.
func (r *Report) Verify(key [16]byte) bool {
	want := r.mac(key)
	return subtle.ConstantTimeCompare(r.MAC[:], want[:]) == 1
}

func (r *Report) mac(key [16]byte) [16]byte {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // unreachable: 16 bytes are a key
	}
	return CMAC(block, r.Body.Append(make([]byte, 0, ReportBodySize)))
}
