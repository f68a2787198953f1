package attest

import "github.com/cleave-sdk/cleave/internal/dcap"

// TCBStatus is Intel's judgement of a platform's trusted computing base (TCB):
// microcode, firmware and Intel's own enclaves. The zero status is that no
// judgement was reached, and no policy accepts it.
type TCBStatus int

// The statuses, by Intel's names.
const (
	// UpToDate has all known weaknesses mended.
	UpToDate = TCBStatus(dcap.UpToDate)
	// SWHardeningNeeded is up to date but relies on enclaves being compiled
	// with mitigations, such as that against load value injection.
	SWHardeningNeeded = TCBStatus(dcap.SWHardeningNeeded)
	// ConfigurationNeeded is up to date but may be configured insecurely, for
	// example with hyper-threading.
	ConfigurationNeeded = TCBStatus(dcap.ConfigurationNeeded)
	// ConfigurationAndSWHardeningNeeded is both of the above.
	ConfigurationAndSWHardeningNeeded = TCBStatus(dcap.ConfigurationAndSWHardeningNeeded)
	// OutOfDate lacks updates that mend known weaknesses.
	OutOfDate = TCBStatus(dcap.OutOfDate)
	// OutOfDateConfigurationNeeded also may be configured insecurely.
	OutOfDateConfigurationNeeded = TCBStatus(dcap.OutOfDateConfigurationNeeded)
	// Revoked must not be trusted at all.
	Revoked = TCBStatus(dcap.Revoked)
	// RelaunchAdvised is up to date now, but was not when the trust domain was
	// launched. Enclaves never have it.
	RelaunchAdvised = TCBStatus(dcap.RelaunchAdvised)
	// RelaunchAdvisedConfigurationNeeded also may be configured insecurely.
	RelaunchAdvisedConfigurationNeeded = TCBStatus(dcap.RelaunchAdvisedConfigurationNeeded)
)

// String returns Intel's name.
func (s TCBStatus) String() string { return dcap.Status(s).String() }

// MarshalText returns Intel's name, and fails for the zero status.
func (s TCBStatus) MarshalText() ([]byte, error) { return dcap.Status(s).MarshalText() }

// UnmarshalText reads Intel's name.
func (s *TCBStatus) UnmarshalText(text []byte) error {
	return (*dcap.Status)(s).UnmarshalText(text)
}
