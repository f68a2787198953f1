// Package enclavetest is SGX for `go test`, on any system: machines in the
// memory of the test, with as many enclaves on them as it wants, of whatever
// identity.
//
//	m := enclavetest.NewMachine(t)
//	p := m.Enclave(t, attest.Identity{Measurement: …, SVN: 3})
//	creds, err := enclave.NewCredentials(t.Context(), p)
//	v := m.Verifier(attest.Policy{Builds: []attest.Measurement{p.Identity().Measurement}})
//
// An enclave here is a [enclave.Platform] like any other: its quotes are
// signed, its sealing keys are derived from all that EGETKEY derives them
// from, and its certificates verify. Only the root is the machine's own, and
// nothing is protected: it is for tests.
//
// [TestPlatform] is what every platform of this module passes, on hardware
// too.
package enclavetest
