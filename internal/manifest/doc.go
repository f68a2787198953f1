// Package manifest reads EGo's enclave.json, which says what an enclave
// consists of: the executable, the key that signs it, memory, mounts,
// environment and embedded files.
//
// It is stricter than EGo, which ignores what it does not know and takes any
// number: here a mistyped key is an error that says what to write instead. A
// manifest that this package accepts, EGo accepts.
//
// The measurement and the environment are those a simulator gives a trusted
// half in place of the hardware and of EGo's runtime.
package manifest
