package enclavetest_test

import (
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

var identity = attest.Identity{
	Measurement: attest.Measurement{1},
	Signer:      attest.Signer{2},
	ProductID:   3,
	SVN:         4,
}

func only(id attest.Identity) attest.Policy {
	return attest.Policy{Builds: []attest.Measurement{id.Measurement}, AllowDebug: id.Debug}
}

func TestInProcess(t *testing.T) {
	debug := identity
	debug.Debug = true
	newest := identity
	newest.SVN = 0xFFFF
	for name, id := range map[string]attest.Identity{
		"production": identity,
		"debug":      debug,
		"SVN zero":   {Measurement: attest.Measurement{1}, Signer: attest.Signer{2}},
		"newest":     newest,
	} {
		t.Run(name, func(t *testing.T) {
			m := enclavetest.NewMachine(t)
			enclavetest.TestPlatform(t, m.Enclave(t, id), m.Verifier(only(id)))
		})
	}
}
