package dcap

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"math/big"
)

// verifyRaw checks a signature in Intel's form, r and s of 32 bytes each.
func verifyRaw(key *ecdsa.PublicKey, message, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256(message)
	r := new(big.Int).SetBytes(signature[:32])
	s := new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(key, digest[:], r, s)
}
