package sgx

import (
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// KeyName is the key EGETKEY is asked for.
type KeyName uint16

// The names of KEYNAME. The zero name is a key no application may have.
const (
	KeyEINITToken    KeyName = 0
	KeyProvision     KeyName = 1
	KeyProvisionSeal KeyName = 2
	KeyReport        KeyName = 3
	KeySeal          KeyName = 4
)

// Bits of KEYPOLICY: what a SEAL key is bound to. The last four need KSS.
const (
	PolicyMRENCLAVE    = 1 << 0
	PolicyMRSIGNER     = 1 << 1
	PolicyNoProductID  = 1 << 2
	PolicyConfigID     = 1 << 3
	PolicyFamilyID     = 1 << 4
	PolicyExtProductID = 1 << 5
)

// KeyRequest is the operand of EGETKEY (KEYREQUEST, 512 bytes).
type KeyRequest struct {
	Name          KeyName
	Policy        uint16
	SVN           uint16 // ISVSVN, at most the enclave's own
	CETMask       uint8
	CPUSVN        [16]byte // at most the CPU's own, component by component
	AttributeMask Attributes
	KeyID         [32]byte
	MiscMask      uint32
	ConfigSVN     uint16
}

var errKeyRequest = errors.New("sgx: not a key request of 512 bytes with zero reserved fields")

// ParseKeyRequest parses exactly 512 bytes.
func ParseKeyRequest(b []byte) (KeyRequest, error) {
	var k KeyRequest
	s := lebyte.String(b)
	if !s.Uint16((*uint16)(&k.Name)) ||
		!s.Uint16(&k.Policy) ||
		!s.Uint16(&k.SVN) ||
		!s.Uint8(&k.CETMask) ||
		!s.Zero(1) ||
		!s.Copy(k.CPUSVN[:]) ||
		!k.AttributeMask.Read(&s) ||
		!s.Copy(k.KeyID[:]) ||
		!s.Uint32(&k.MiscMask) ||
		!s.Uint16(&k.ConfigSVN) ||
		!s.Zero(434) ||
		!s.Empty() {
		return KeyRequest{}, errKeyRequest
	}
	return k, nil
}

// Append appends the 512 bytes of k to b.
func (k *KeyRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(k.Name))
	b = binary.LittleEndian.AppendUint16(b, k.Policy)
	b = binary.LittleEndian.AppendUint16(b, k.SVN)
	b = append(b, k.CETMask, 0)
	b = append(b, k.CPUSVN[:]...)
	b = k.AttributeMask.Append(b)
	b = append(b, k.KeyID[:]...)
	b = binary.LittleEndian.AppendUint32(b, k.MiscMask)
	b = binary.LittleEndian.AppendUint16(b, k.ConfigSVN)
	return append(b, make([]byte, 434)...)
}

// What a SEAL key depends on beside its policy, as Intel's and EGo's software
// choose it: the INIT and DEBUG flags and the reserved ones, no XFRM bit, the
// reserved bits of MISCSELECT. Sealed data depends on these values for ever.
var (
	SealAttributeMask = Attributes{Flags: 0xFF0000000000000B}
	SealMiscMask      = uint32(0xF0000000)
)
