// Package ratls reads and writes the evidence in attested TLS certificates,
// in the form on which TCG DICE and the Confidential Computing Consortium's
// "Interoperable RA-TLS" agree (Gramine, the Intel SGX SDK, rats-tls):
//
//	extension 2.23.133.5.4.9 = 60000([quote, claims])
//	claims                   = {"pubkey-hash": bytes of [algorithm, hash], …}
//	report data of the quote = SHA-256(claims), 32 zero bytes
//
// so that the quote speaks for the claims, the claims for the public key, and
// the TLS handshake proves the private key. All of it is CBOR (RFC 8949).
//
// Everything is read strictly: definite lengths in their shortest form, no
// trailing bytes. Hashes cover bytes as they were received, never bytes
// encoded again. What this package does not do is verify the quote.
package ratls
