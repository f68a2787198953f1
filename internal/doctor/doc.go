// Package doctor finds what keeps a node, or a pod on it, from running a
// trusted half and getting its quotes, and says what to do about it.
//
//	findings := doctor.Examine(ctx, doctor.Here(aesm))
//	if doctor.Worst(findings) == doctor.Failure { … }
//
// It looks and asks; it changes nothing, starts no enclave, and needs no
// privilege: what it may not see it says so. Everything it reads is bounded.
package doctor
