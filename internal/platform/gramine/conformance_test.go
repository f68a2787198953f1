package gramine_test

import (
	"net/http/httptest"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

// The suite of every platform, but for checking local reports.
func TestConformance(t *testing.T) {
	s := simulate(t)
	p, err := enclave.New(open(t, s))
	if err != nil {
		t.Fatal(err)
	}
	pcs := httptest.NewServer(s.machine.PCS())
	defer pcs.Close()
	enclavetest.TestPlatform(t, p, &attest.Verifier{
		Policy:     attest.Policy{Builds: []attest.Measurement{identity.MRENCLAVE}},
		Root:       s.machine.Root(),
		Collateral: &attest.Cache{Source: &attest.PCS{URL: pcs.URL + "/sgx/certification/v4"}},
	})
	if n := s.Handles(); n != 0 {
		t.Errorf("%d files are left open", n)
	}
}
