// Package sealing keeps secrets on a disk the enclave does not trust.
//
// A blob is encrypted under a key that only the CPU, and only for the right
// enclave, gives out: the same enclave ([ToEnclave]), or any enclave of the
// same signer and product ([ToSigner]), which survives an upgrade of the
// program. The host can delete a blob, but not read, change, shorten, extend
// or splice it.
//
// The blob never chooses its own key. Binding and source are the [Sealer]'s,
// and the two that a blob must state, the security version of the enclave and
// of the CPU it was sealed on, are checked against the running ones and the
// Sealer's floors before any key is asked for.
//
// Not prevented: the host may bring back an older blob that was sealed under
// the same binding and additional data. Where that matters, something outside
// the machine has to remember which blob is the latest.
//
// Also not prevented: what holds the keys can forge. An older build of the
// same signer and product can make every blob of its own security version and
// below. When a build turns out to be broken, raise the security version of
// the next, and set [Sealer.MinSVN] to it once the old blobs are sealed anew.
//
// The strength is that of the CPU's keys, 128 bits, although the cipher's keys
// have 256. Plaintext needs to fit in memory, beside the blob. FORMAT.md
// describes the format; once released, it stays readable.
package sealing
