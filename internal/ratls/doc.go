// Package ratls reads and writes the evidence in attested TLS certificates, in
// each of the forms that are in use:
//
//	dialect               extension                        quote's report data begin with the SHA-256 of
//	DICE                  2.23.133.5.4.9                   claims, which have the hash of the key's DER
//	EGo                   1.3.6.1.4.1.311.105.1            the key's DER
//	OpenEnclaveReport     1.3.6.1.4.1.311.105.1, early     the key's PEM and a zero byte
//	                      1.2.840.113556.10.1.1
//	OpenEnclaveEvidence   1.3.6.1.4.1.311.105.2, early     the same, which is in the evidence
//	                      1.2.840.113556.10.1.2
//	Gramine               1.2.840.113741.1337.6, also as   the key's DER
//	                      0.6.9.42.840.113741.1337.6
//	RATSTLS               1.2.840.113741.1337.6            the RSA key of PKCS #1
//
// and end in zeros, so that the quote speaks for the public key, and the TLS
// handshake proves the private key. A key is the certificate's
// SubjectPublicKeyInfo. The first form is that on which TCG DICE and the
// Confidential Computing Consortium's "Interoperable RA-TLS" agree (Gramine,
// the Intel SGX SDK, rats-tls); it is CBOR (RFC 8949).
//
// Both sides of a dialect are in one file. Everything is read strictly: CBOR in
// definite lengths of their shortest form, stated sizes that are the true ones,
// no trailing bytes. Hashes cover bytes as they were received, never bytes
// encoded again. What this package does not do is verify the quote.
package ratls
