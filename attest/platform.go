package attest

import (
	"encoding/hex"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// Platform is the machine the evidence was made on, as Intel has certified it
// in its provisioning certification key's certificate (PCK).
type Platform struct {
	FMSPC FMSPC
	PPID  PPID
	// PCEID tells the provisioning certification enclaves of a kind of platform
	// apart. It has always been zero.
	PCEID [2]byte
	Type  SGXType
	// InstanceID is given anew whenever the owner resets the platform. It is
	// zero where the certificate states none, as for Standard platforms.
	InstanceID [16]byte
	// Dynamic platforms can have processor packages added.
	Dynamic Stated
	// CachedKeys says whether Intel's registration service keeps the platform's
	// root keys.
	CachedKeys Stated
	// SMT is simultaneous multithreading, or hyper-threading.
	SMT Stated
}

// FMSPC is the kind of a platform: family, model, stepping, platform type and
// custom SKU, 6 bytes. Intel judges platforms by it.
type FMSPC [6]byte

// String returns 12 hexadecimal digits.
func (f FMSPC) String() string { return hex.EncodeToString(f[:]) }

// MarshalText returns 12 hexadecimal digits.
func (f FMSPC) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads 12 hexadecimal digits.
func (f *FMSPC) UnmarshalText(text []byte) error { return unhex(f[:], text, "FMSPC") }

// PPID is one machine (Intel's platform provisioning ID), 16 bytes. It stays
// the same for the machine's life.
type PPID [16]byte

// String returns 32 hexadecimal digits.
func (p PPID) String() string { return hex.EncodeToString(p[:]) }

// MarshalText returns 32 hexadecimal digits.
func (p PPID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (p *PPID) UnmarshalText(text []byte) error { return unhex(p[:], text, "PPID") }

// SGXType is how a platform protects its memory.
type SGXType int

// The types, by Intel's numbers.
const (
	// Standard protects up to 256 MB with integrity and against replay.
	Standard SGXType = 0
	// Scalable encrypts all of a server's memory.
	Scalable SGXType = 1
	// ScalableWithIntegrity also detects changed memory.
	ScalableWithIntegrity SGXType = 2
)

// String names the type.
func (t SGXType) String() string {
	switch t {
	case Standard:
		return "standard"
	case Scalable:
		return "scalable"
	case ScalableWithIntegrity:
		return "scalable with integrity"
	}
	return fmt.Sprintf("SGXType(%d)", int(t))
}

// Stated is what a certificate says of a property, if it says anything: those
// of Standard platforms do not. The zero Stated is that nothing is said.
type Stated struct{ Known, Value bool }

// no reports whether the certificate says no.
func (s Stated) no() bool { return s.Known && !s.Value }

// String returns "yes", "no" or "not stated".
func (s Stated) String() string {
	switch {
	case !s.Known:
		return "not stated"
	case s.no():
		return "no"
	}
	return "yes"
}

func platform(p *dcap.Platform) Platform {
	return Platform{
		FMSPC:      p.FMSPC,
		PPID:       p.PPID,
		PCEID:      p.PCEID,
		Type:       SGXType(p.SGXType),
		InstanceID: p.InstanceID,
		Dynamic:    Stated(p.Dynamic),
		CachedKeys: Stated(p.CachedKeys),
		SMT:        Stated(p.SMT),
	}
}
