package sgx

import "crypto/cipher"

// CMAC is the AES-CMAC of RFC 4493, with which the CPU signs reports and
// derives keys. The standard library keeps its own to itself.
func CMAC(block cipher.Block, message []byte) [16]byte {
	var mac, last [16]byte
	for len(message) > 16 {
		xor(&mac, message[:16])
		block.Encrypt(mac[:], mac[:])
		message = message[16:]
	}
	subkey := double(encryptZero(block))
	n := copy(last[:], message)
	if n < 16 {
		last[n] = 0x80
		subkey = double(subkey)
	}
	xor(&mac, last[:])
	xor(&mac, subkey[:])
	block.Encrypt(mac[:], mac[:])
	return mac
}

func encryptZero(block cipher.Block) (b [16]byte) {
	block.Encrypt(b[:], b[:])
	return b
}

// double multiplies by x in GF(2^128), taking the same time for every b.
func double(b [16]byte) (d [16]byte) {
	for i := range 15 {
		d[i] = b[i]<<1 | b[i+1]>>7
	}
	d[15] = b[15]<<1 ^ 0x87&-(b[0]>>7)
	return d
}

func xor(dst *[16]byte, src []byte) {
	for i, b := range src {
		dst[i] ^= b
	}
}
