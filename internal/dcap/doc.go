// Package dcap verifies Intel SGX quotes in the format of Intel's Data Center
// Attestation Primitives against the collateral Intel publishes.
//
// Parsing a quote trusts nothing. [Verify] goes up from the root key to the
// quote in the order of Intel's own library, and refuses more than it does:
// trailing and reserved bytes, documents from the future, missing revocation
// lists.
package dcap
