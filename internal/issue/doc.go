// Package issue writes what Intel signs: certificates and revocation lists of
// the SGX provisioning authority, TCB info, QE identity, and quotes.
//
// The simulator issues its own with it, under its own root, and tests of the
// verifier issue whatever an attacker might: every field can be set, wrong
// values included, and every signing step is a function of its own. Nothing
// here judges what it is asked to write.
//
// The formats are those of Intel's "SGX PCK Certificate and Certificate
// Revocation List Profile Specification", of the Provisioning Certification
// Service API v4, and of the "ECDSA Quote Library API" (quotes v3 to v5).
package issue
