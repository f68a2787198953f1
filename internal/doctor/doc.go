// Package doctor finds what keeps a node, or a pod on it, from running a
// trusted half and getting its quotes, and says what to do about it.
//
//	findings := doctor.Examine(ctx, doctor.Here(aesm))
//	if doctor.Worst(findings) == doctor.Failure { … }
//
// It looks and asks; it changes nothing, starts no enclave, and needs no
// privilege: what it may not see it says so. Everything it reads is bounded, and
// so is the time it takes.
//
// Collateral is fetched and verified as a client does, by package attest. What
// cannot be known without an enclave is the kind of CPU (Intel calls it FMSPC)
// whose collateral counts, and whether a quote can be had at all: a quote that
// was made here tells both.
package doctor
