package dcap

import (
	"crypto/ecdsa"
	"encoding/binary"
)

// Append encodes q again, from its parts, for tests.
func (q *Quote) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, q.Version)
	b = binary.LittleEndian.AppendUint16(b, attestationKeyECDSA256)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint16(b, q.QESVN)
	b = binary.LittleEndian.AppendUint16(b, q.PCESVN)
	b = append(b, intelVendor[:]...)
	b = append(b, q.UserData[:]...)
	b = q.Body.Append(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(64+64+384+64+2+len(q.qeAuthData)+6+len(q.certificate)))
	b = append(b, q.signature...)
	b = append(b, q.attestationKey...)
	b = append(b, q.qeReport...)
	b = append(b, q.qeReportSig...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(q.qeAuthData)))
	b = append(b, q.qeAuthData...)
	b = binary.LittleEndian.AppendUint16(b, q.certificateType)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(q.certificate)))
	return append(b, q.certificate...)
}

// CheckSignatures is the part of Verify that needs no collateral.
func (q *Quote) CheckSignatures(pck *ecdsa.PublicKey) error {
	_, err := q.checkSignatures(pck)
	return err
}
