package sgx

import (
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// TargetInfo says for which enclave EREPORT makes a report (TARGETINFO, 512
// bytes).
type TargetInfo struct {
	MRENCLAVE     [32]byte
	Attributes    Attributes
	CETAttributes uint8
	ConfigSVN     uint16
	MiscSelect    uint32
	ConfigID      [64]byte
}

var errTargetInfo = errors.New("sgx: not a target info of 512 bytes with zero reserved fields")

// Target returns the target info that addresses the enclave r describes.
func (r *ReportBody) Target() TargetInfo {
	return TargetInfo{
		MRENCLAVE:     r.MRENCLAVE,
		Attributes:    r.Attributes,
		CETAttributes: r.CETAttributes,
		ConfigSVN:     r.ConfigSVN,
		MiscSelect:    r.MiscSelect,
		ConfigID:      r.ConfigID,
	}
}

// ParseTargetInfo parses exactly 512 bytes.
func ParseTargetInfo(b []byte) (TargetInfo, error) {
	var t TargetInfo
	s := lebyte.String(b)
	if !s.Copy(t.MRENCLAVE[:]) ||
		!t.Attributes.Read(&s) ||
		!s.Uint8(&t.CETAttributes) ||
		!s.Zero(1) ||
		!s.Uint16(&t.ConfigSVN) ||
		!s.Uint32(&t.MiscSelect) ||
		!s.Zero(8) ||
		!s.Copy(t.ConfigID[:]) ||
		!s.Zero(384) ||
		!s.Empty() {
		return TargetInfo{}, errTargetInfo
	}
	return t, nil
}

// Append appends the 512 bytes of t to b.
func (t *TargetInfo) Append(b []byte) []byte {
	b = append(b, t.MRENCLAVE[:]...)
	b = t.Attributes.Append(b)
	b = append(b, t.CETAttributes, 0)
	b = binary.LittleEndian.AppendUint16(b, t.ConfigSVN)
	b = binary.LittleEndian.AppendUint32(b, t.MiscSelect)
	b = append(b, make([]byte, 8)...)
	b = append(b, t.ConfigID[:]...)
	return append(b, make([]byte, 384)...)
}
