package enclavetest

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// Machine is one processor with SGX, its quoting enclave and the authority
// that vouches for it. It is safe for concurrent use.
type Machine struct {
	sim *sim.Machine
}

// NewMachine makes a machine. What is sealed on it opens on no other.
func NewMachine(t testing.TB) *Machine {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	return &Machine{m}
}

// Enclave starts an enclave. Two with the same identity are the same enclave,
// started twice; one with Debug set is another to every other.
func (m *Machine) Enclave(t testing.TB, id attest.Identity) *enclave.Platform {
	t.Helper()
	p, err := enclave.New(&platform{m.sim, m.sim.Enclave(sim.Identity{
		MRENCLAVE: id.Measurement,
		MRSIGNER:  id.Signer,
		ProductID: id.ProductID,
		SVN:       id.SVN,
		Debug:     id.Debug,
	})})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Root is what the machine's quotes rest on.
func (m *Machine) Root() *x509.Certificate { return m.sim.Root() }

// Collateral returns what a verifier needs to know about the machine, without
// a network.
func (m *Machine) Collateral() attest.Source {
	return &attest.PCS{
		URL:     "http://machine.invalid/sgx/certification/v4",
		Client:  &http.Client{Transport: direct{m.sim.PCS()}},
		Retries: -1,
	}
}

// Verifier accepts what the policy does, on this machine alone.
func (m *Machine) Verifier(p attest.Policy) *attest.Verifier {
	return &attest.Verifier{Policy: p, Root: m.Root(), Collateral: &attest.Cache{Source: m.Collateral()}}
}

// direct has requests answered without a connection.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	d.handler.ServeHTTP(answer, r)
	return answer.Result(), nil
}
