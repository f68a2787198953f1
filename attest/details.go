package attest

import (
	"encoding/hex"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Details are what the CPU says of an enclave beyond its [Identity].
type Details struct {
	Attributes Attributes
	MiscSelect uint32 // what the CPU stores of faults in the enclave (MISCSELECT)
	KSS        KSS
	// CPUSVN are the security versions of the CPU the enclave runs on, 16 of
	// them. They compare one by one, and mean something to Intel only.
	CPUSVN [16]byte
}

// Attributes are an enclave's flags and the extended CPU features (XFRM) it
// runs with. Intel calls them ATTRIBUTES; their text is the 32 hexadecimal
// digits of the 16 bytes, little endian, as in Intel's own documents.
type Attributes struct{ Flags, XFRM uint64 }

// String returns 32 hexadecimal digits.
func (a Attributes) String() string {
	return hex.EncodeToString(sgx.Attributes(a).Append(nil))
}

// MarshalText returns 32 hexadecimal digits.
func (a Attributes) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (a *Attributes) UnmarshalText(text []byte) error {
	var b [16]byte
	if err := unhex(b[:], text, "list of attributes"); err != nil {
		return err
	}
	s := lebyte.String(b[:])
	(*sgx.Attributes)(a).Read(&s)
	return nil
}

func (a Attributes) and(mask Attributes) Attributes {
	return Attributes(sgx.Attributes(a).And(sgx.Attributes(mask)))
}

// KSS is what key separation and sharing adds to an enclave's identity. Where
// its toolchain does not use it, as EGo's does not, all of it is zero.
//
// The family and the extended product are signed by the enclave's signer. The
// configuration is chosen by the host that launches the enclave, and is not
// part of its Measurement: an enclave that reads it has to be told apart by it.
type KSS struct {
	FamilyID          ID // ISVFAMILYID
	ExtendedProductID ID // ISVEXTPRODID
	ConfigID          ConfigID
	ConfigSVN         uint16
}

// ID is an identifier of 16 bytes that a signer chose.
type ID [16]byte

// String returns 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns 32 hexadecimal digits.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (id *ID) UnmarshalText(text []byte) error { return unhex(id[:], text, "KSS identifier") }

// ConfigID identifies the configuration an enclave was launched with, 64
// bytes. Intel calls it CONFIGID.
type ConfigID [64]byte

// String returns 128 hexadecimal digits.
func (id ConfigID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns 128 hexadecimal digits.
func (id ConfigID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 128 hexadecimal digits.
func (id *ConfigID) UnmarshalText(text []byte) error { return unhex(id[:], text, "CONFIGID") }

func details(b *sgx.ReportBody) Details {
	return Details{
		Attributes: Attributes(b.Attributes),
		MiscSelect: b.MiscSelect,
		KSS:        KSS{b.FamilyID, b.ExtProductID, b.ConfigID, b.ConfigSVN},
		CPUSVN:     b.CPUSVN,
	}
}
