package dcap

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
)

// verifyRaw checks a signature in Intel's form, r and s of 32 bytes each. They
// become DER here because [ecdsa.Verify], which takes numbers, makes DER of
// them too, with twice the allocations.
func verifyRaw(key *ecdsa.PublicKey, message, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	var buffer [72]byte
	der := append(buffer[:0], 0x30, 0)
	der = appendInteger(der, signature[:32])
	der = appendInteger(der, signature[32:])
	der[1] = byte(len(der) - 2)
	digest := sha256.Sum256(message)
	return ecdsa.VerifyASN1(key, digest[:], der)
}

// appendInteger appends the DER of a number that is not negative.
func appendInteger(der, number []byte) []byte {
	number = bytes.TrimLeft(number, "\x00")
	if len(number) == 0 || number[0] >= 0x80 {
		der = append(der, 2, byte(len(number)+1), 0)
	} else {
		der = append(der, 2, byte(len(number)))
	}
	return append(der, number...)
}
