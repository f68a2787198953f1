package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// TD is an Intel TDX trust domain, as its quote has it. A trust domain is a
// virtual machine and no enclave: no [Policy] applies to it, and whoever asks
// for enclaves refuses it.
type TD struct {
	// MRTD is the measurement of the virtual machine as it was built, and RTMR
	// are those that it has extended since.
	MRTD TDMeasurement
	RTMR [4]TDMeasurement
	// ConfigID, Owner and OwnerConfig are chosen by who launches it.
	ConfigID, Owner, OwnerConfig TDMeasurement
	// Debug is whether the host can read and change its memory.
	Debug      bool
	Attributes uint64
	XFAM       uint64 // the extended CPU features it runs with
	// Module is the TDX module's measurement and ModuleSigner its signer's,
	// which is zero for Intel's own.
	Module, ModuleSigner TDMeasurement
	ModuleAttributes     uint64
	// TCBSVN are the security versions of the module and microcode.
	TCBSVN [16]byte
	// ServiceTD is the measurement of the migration domain it is bound to, of
	// TDX 1.5 only.
	ServiceTD TDMeasurement
	// Data is what the trust domain chose to have signed.
	Data [64]byte
}

// TDQuote is what a trust domain's quote claims. As in a [Quote], nothing has
// been verified.
type TDQuote struct {
	Version uint16
	TD

	quote *dcap.Quote
}

// ParseTDQuote is [ParseQuote] for the quotes of trust domains.
func ParseTDQuote(b []byte) (*TDQuote, error) {
	q, err := parseOf(TDX, b)
	if err != nil {
		return nil, err
	}
	return &TDQuote{q.Version, newTD(q.TD), q}, nil
}

// Origin is as for [Quote.Origin].
func (q *TDQuote) Origin() (Platform, [32]byte, error) { return origin(q.quote) }

// TDReport is what the verified quote of a trust domain says: that it is
// genuine, and what Intel makes of its platform. Whether the measurements are
// those one trusts, and Data what was asked for, is for the caller to say.
type TDReport struct {
	TD
	TCB      TDTCB
	Platform Platform
	Root     [32]byte  // see [Report]
	Judged   time.Time // see [Report]
	Expires  time.Time // see [Report]
}

// TDTCB is the judgement of a trust domain's platform. Its status may be
// [RelaunchAdvised] beside those of enclaves.
type TDTCB struct {
	TCB
	// Module is the share of the TDX module.
	Module Share
}

// TDMeasurement is a measurement of 48 bytes (SHA-384).
type TDMeasurement [48]byte

// String returns 96 hexadecimal digits.
func (m TDMeasurement) String() string { return hex.EncodeToString(m[:]) }

// MarshalText returns 96 hexadecimal digits.
func (m TDMeasurement) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads 96 hexadecimal digits.
func (m *TDMeasurement) UnmarshalText(text []byte) error {
	return unhex(m[:], text, "trust domain's measurement")
}

// IntelRoot reports whether the evidence rests on Intel's own root.
func (r *TDReport) IntelRoot() bool { return r.Root == sha256.Sum256(dcap.IntelRoot()) }

// Stale is as for [Report.Stale].
func (r *TDReport) Stale() bool { return r.Expires.Before(r.Judged) }

func newTDReport(v *dcap.Verdict, judged time.Time) *TDReport {
	return &TDReport{
		TD:       newTD(v.TD),
		TCB:      TDTCB{newTCB(&v.TCB), share(&v.TCB.Module)},
		Platform: platform(&v.Platform),
		Root:     v.Root,
		Judged:   judged,
		Expires:  v.Expires,
	}
}

func newTD(b *dcap.TDBody) TD {
	td := TD{
		MRTD:             b.MRTD,
		ConfigID:         b.MRConfigID,
		Owner:            b.MROwner,
		OwnerConfig:      b.MROwnerConfig,
		Debug:            b.TDAttributes&1 != 0,
		Attributes:       b.TDAttributes,
		XFAM:             b.XFAM,
		Module:           b.MRSEAM,
		ModuleSigner:     b.MRSIGNERSEAM,
		ModuleAttributes: b.SEAMAttributes,
		TCBSVN:           b.TEETCBSVN,
		ServiceTD:        b.MRSERVICETD,
		Data:             b.ReportData,
	}
	for i, rtmr := range b.RTMR {
		td.RTMR[i] = rtmr
	}
	return td
}
