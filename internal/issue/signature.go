package issue

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// sign is ECDSA over SHA-256, r and s as 32 bytes each, big-endian: how quotes
// and JSON documents have it, unlike certificates.
func sign(key *ecdsa.PrivateKey, message []byte) (signature [64]byte, err error) {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return signature, fmt.Errorf("issue: %w", err)
	}
	if r.BitLen() > 256 || s.BitLen() > 256 {
		return signature, errCurve
	}
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature, nil
}

// point is a public key as quotes have it: x and y, 32 bytes each, big-endian.
func point(key *ecdsa.PublicKey) (p [64]byte, err error) {
	b, err := key.Bytes()
	if err != nil {
		return p, fmt.Errorf("issue: %w", err)
	}
	if len(b) != 65 {
		return p, errCurve
	}
	return [64]byte(b[1:]), nil
}
