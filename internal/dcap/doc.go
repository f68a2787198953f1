// Package dcap verifies quotes of Intel SGX enclaves and TDX trust domains, in
// the formats of Intel's Data Center Attestation Primitives, against the
// collateral Intel publishes.
//
// Parsing a quote trusts nothing. [Memory.Verify] goes up from the root key to
// the quote in the order of Intel's own library, and refuses more than it does:
// trailing and reserved bytes, documents from the future, missing revocation
// lists, a debug quoting enclave.
//
// What a [Memory] remembers are good signatures, and nothing that depends on
// the time.
package dcap
