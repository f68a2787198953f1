package attest

import (
	"encoding/hex"
	"fmt"
)

// Identity is who an enclave is.
type Identity struct {
	Measurement Measurement
	Signer      Signer
	ProductID   uint16 // which of its signer's products; Intel calls it ISVPRODID
	SVN         uint16 // security version, which only rises; Intel calls it ISVSVN
	Debug       bool   // the host can read and change its memory: nothing in it is secret
}

// Measurement identifies one build of an enclave: a hash of its code, its
// initial data and its measured configuration. Intel calls it MRENCLAVE.
type Measurement [32]byte

// ParseMeasurement reads 64 hexadecimal digits.
func ParseMeasurement(s string) (Measurement, error) {
	var m Measurement
	err := m.UnmarshalText([]byte(s))
	return m, err
}

// String returns 64 hexadecimal digits.
func (m Measurement) String() string { return hex.EncodeToString(m[:]) }

// MarshalText returns 64 hexadecimal digits.
func (m Measurement) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (m *Measurement) UnmarshalText(text []byte) error {
	return unhex(m[:], text, "measurement")
}

// Signer identifies the key enclaves are signed with: the SHA-256 of its
// modulus. Intel calls it MRSIGNER, and EGo prints it for `ego signerid`.
type Signer [32]byte

// ParseSigner reads 64 hexadecimal digits.
func ParseSigner(s string) (Signer, error) {
	var id Signer
	err := id.UnmarshalText([]byte(s))
	return id, err
}

// String returns 64 hexadecimal digits.
func (id Signer) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns 64 hexadecimal digits.
func (id Signer) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (id *Signer) UnmarshalText(text []byte) error {
	return unhex(id[:], text, "signer")
}

func unhex(dst, text []byte, what string) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("attest: a %s is %d hexadecimal digits, not %d characters", what, hex.EncodedLen(len(dst)), len(text))
	}
	b := make([]byte, len(dst))
	if _, err := hex.Decode(b, text); err != nil {
		return fmt.Errorf("attest: a %s is %d hexadecimal digits: %w", what, hex.EncodedLen(len(dst)), err)
	}
	copy(dst, b)
	return nil
}
