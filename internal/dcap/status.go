package dcap

import "fmt"

// Status is Intel's judgement of a platform's trusted computing base (TCB).
// The zero Status is that no judgement was reached.
type Status int

// The statuses of Intel's TCB info, then the two that Intel's library gives to
// trust domains whose host has been updated since their launch.
const (
	StatusUnknown Status = iota
	UpToDate
	SWHardeningNeeded
	ConfigurationNeeded
	ConfigurationAndSWHardeningNeeded
	OutOfDate
	OutOfDateConfigurationNeeded
	Revoked
	RelaunchAdvised
	RelaunchAdvisedConfigurationNeeded
)

var statusNames = [...]string{
	StatusUnknown:                     "Unknown",
	UpToDate:                          "UpToDate",
	SWHardeningNeeded:                 "SWHardeningNeeded",
	ConfigurationNeeded:               "ConfigurationNeeded",
	ConfigurationAndSWHardeningNeeded: "ConfigurationAndSWHardeningNeeded",
	OutOfDate:                         "OutOfDate",
	OutOfDateConfigurationNeeded:      "OutOfDateConfigurationNeeded",
	Revoked:                           "Revoked",

	RelaunchAdvised:                    "TDRelaunchAdvised",
	RelaunchAdvisedConfigurationNeeded: "TDRelaunchAdvisedConfigurationNeeded",
}

// String returns Intel's name.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return statusNames[s]
}

// MarshalText returns Intel's name, and fails for a status never reached.
func (s Status) MarshalText() ([]byte, error) {
	if s <= StatusUnknown || int(s) >= len(statusNames) {
		return nil, fmt.Errorf("%v is not a TCB status", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads Intel's name.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames[1:] {
		if string(text) == name {
			*s = Status(i + 1)
			return nil
		}
	}
	return fmt.Errorf("%.40q is not a TCB status; they are %v", text, statusNames[1:])
}

// published reports whether the status is one that Intel's documents have.
func (s Status) published() bool { return s > StatusUnknown && s <= Revoked }

// configurable reports whether the status asks for another configuration.
func (s Status) configurable() bool {
	switch s {
	case ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, OutOfDateConfigurationNeeded:
		return true
	}
	return false
}

// with converges the platform's status with that of a component above it: the
// quoting enclave, the TDX module.
func (s Status) with(component Status) Status {
	switch {
	case s == Revoked || component == Revoked:
		return Revoked
	case component != OutOfDate:
		return s
	case s == ConfigurationNeeded || s == ConfigurationAndSWHardeningNeeded:
		return OutOfDateConfigurationNeeded
	case s == UpToDate || s == SWHardeningNeeded:
		return OutOfDate
	}
	return s
}
