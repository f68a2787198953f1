package aesm

import (
	"encoding/binary"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// keyIDSize is that of Intel's sgx_att_key_id_t.
const keyIDSize = 256

const (
	ecdsaP256 = 2  // an algorithm of attestation keys
	maxKeys   = 10 // that a service may have, by Intel's own limit
)

// keyID names a kind of attestation key, and by that a quoting enclave.
type keyID [keyIDSize]byte

// The quoting enclave of Intel for ECDSA: its MRSIGNER and ISVPRODID.
const intelProduct = 1

var intelSigner = [32]byte{
	0x8C, 0x4F, 0x57, 0x75, 0xD7, 0x96, 0x50, 0x3E, 0x96, 0x13, 0x7F, 0x77, 0xC6, 0x8A, 0x82, 0x9A,
	0x00, 0x56, 0xAC, 0x8D, 0xED, 0x70, 0x14, 0x0B, 0x08, 0x1B, 0x09, 0x44, 0x90, 0xC5, 0x7B, 0xFF,
}

// intelKey is the one kind of key in use.
func intelKey() keyID {
	b := binary.LittleEndian.AppendUint16(make([]byte, 4, keyIDSize), uint16(len(intelSigner)))
	b = append(b, intelSigner[:]...)
	b = append(b, make([]byte, 48-len(intelSigner))...) // room for a longer one
	b = binary.LittleEndian.AppendUint32(b, intelProduct)
	b = append(b, make([]byte, 16+64+16)...) // ISVEXTPRODID, CONFIGID, ISVFAMILYID
	b = binary.LittleEndian.AppendUint32(b, ecdsaP256)
	return keyID(b[:keyIDSize]) // EPID's fields and reserved ones are zero
}

func (k keyID) algorithm() (a uint32) {
	var skipped []byte
	s := lebyte.String(k[:])
	_ = s.Bytes(&skipped, 6+48+4+16+64+16) && s.Uint32(&a)
	return a
}

// same compares what tells keys apart, as the service does: the first 158
// bytes. What follows is EPID's.
func (k keyID) same(other []byte) bool {
	return len(other) >= keyIDSize && string(k[:158]) == string(other[:158])
}

// ecdsaKey is the first of the given keys that makes quotes with ECDSA.
func ecdsaKey(ids []byte) (keyID, bool) {
	s := lebyte.String(ids)
	for {
		var k keyID
		if !s.Copy(k[:]) {
			return keyID{}, false
		}
		if k.algorithm() == ecdsaP256 {
			return k, true
		}
	}
}
