package sealing

import "fmt"

// Binding says which enclaves can open a blob. The zero Binding is none:
// nothing is sealed or opened under it.
type Binding uint8

const (
	// ToEnclave is this very enclave, bit for bit (Intel calls its identity
	// MRENCLAVE). No other build can open what it sealed.
	ToEnclave Binding = 1
	// ToSigner is every enclave of the same signer and product ID (MRSIGNER,
	// ISVPRODID) whose security version is no lower.
	ToSigner Binding = 2
)

func (b Binding) valid() bool { return b == ToEnclave || b == ToSigner }

// String returns "ToEnclave" or "ToSigner".
func (b Binding) String() string {
	switch b {
	case ToEnclave:
		return "ToEnclave"
	case ToSigner:
		return "ToSigner"
	}
	return fmt.Sprintf("Binding(%d)", uint8(b))
}

// Source says where a platform has its keys from. The zero Source is none.
type Source uint8

const (
	// SourceCPU is a key for every blob, which depends on the security versions
	// of the enclave and of the CPU (EGETKEY).
	SourceCPU Source = 1
	// SourceFixed is one key for every binding, whatever the versions: what
	// Gramine hands out as files. Floors cannot be enforced with it.
	SourceFixed Source = 2
)

func (s Source) valid() bool { return s == SourceCPU || s == SourceFixed }

// String returns "SourceCPU" or "SourceFixed".
func (s Source) String() string {
	switch s {
	case SourceCPU:
		return "SourceCPU"
	case SourceFixed:
		return "SourceFixed"
	}
	return fmt.Sprintf("Source(%d)", uint8(s))
}

// Level is where keys come from, and the security versions they depend on.
// With SourceFixed there are none: they are ignored.
type Level struct {
	Source    Source
	SVN       uint16   // of the enclave (ISVSVN)
	CPUSVN    [16]byte // of the CPU and its microcode, sixteen versions
	ConfigSVN uint16   // of the configuration (CONFIGSVN), ignored without [ByConfig]
}

// KeyRequest asks for the key of one blob. With SourceFixed only Binding
// matters.
type KeyRequest struct {
	Binding    Binding
	Separation Separation // zero unless the platform implements [SeparateKeys]
	KeyID      [32]byte
	SVN        uint16
	CPUSVN     [16]byte
	ConfigSVN  uint16 // zero without [ByConfig]
}

// Keys is what a [Sealer] needs of the platform it runs on.
type Keys interface {
	// Level is what blobs are sealed under now, and the highest that can be
	// opened.
	Level() Level

	// SealingKey returns the platform's key: different for each Binding, and
	// with SourceCPU for every other field too; the same whenever the same is
	// asked. It must depend on nothing else that the host controls.
	SealingKey(KeyRequest) ([16]byte, error)
}
