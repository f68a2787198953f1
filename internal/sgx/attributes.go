package sgx

import (
	"encoding/binary"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// Flags of ATTRIBUTES.
const (
	FlagInit         = 1 << 0 // initialised by EINIT
	FlagDebug        = 1 << 1 // the host may read and write its memory
	FlagMode64       = 1 << 2
	FlagProvisionKey = 1 << 4 // may have the provisioning key
	FlagEINITToken   = 1 << 5 // may have the launch key
	FlagCET          = 1 << 6
	FlagKSS          = 1 << 7 // key separation and sharing
)

// Attributes of an enclave (ATTRIBUTES, 16 bytes): Flags, and the extended
// features (XFRM) it runs with.
type Attributes struct {
	Flags uint64
	XFRM  uint64
}

// Debug reports whether the host can read the enclave's memory.
func (a Attributes) Debug() bool { return a.Flags&FlagDebug != 0 }

// And masks a.
func (a Attributes) And(mask Attributes) Attributes {
	return Attributes{a.Flags & mask.Flags, a.XFRM & mask.XFRM}
}

// Append appends the 16 bytes of a to b.
func (a Attributes) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, a.Flags)
	return binary.LittleEndian.AppendUint64(b, a.XFRM)
}

// Read reads a from s.
func (a *Attributes) Read(s *lebyte.String) bool {
	return s.Uint64(&a.Flags) && s.Uint64(&a.XFRM)
}
