package dcap

import (
	"crypto/ecdsa"
	"encoding/binary"
	"fmt"
)

// How much a memory holds.
const (
	MaxChains    = maxChains
	MaxDocuments = maxDocuments
)

// Size is how much a memory has.
func (m *Memory) Size() (chains, documents int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.chains), len(m.documents)
}

// Fill adds a chain that nobody has.
func (m *Memory) Fill(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.chains, fmt.Sprint(n), &PCKChain{}, maxChains)
}

// Append encodes q again, from its parts, for tests.
func (q *Quote) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, q.Version)
	b = binary.LittleEndian.AppendUint16(b, attestationKeyECDSA256)
	b = binary.LittleEndian.AppendUint32(b, q.TEE)
	b = binary.LittleEndian.AppendUint16(b, q.QESVN)
	b = binary.LittleEndian.AppendUint16(b, q.PCESVN)
	b = append(b, intelVendor[:]...)
	b = append(b, q.UserData[:]...)
	body, kind := q.Body.Append(nil), uint16(bodyEnclave)
	if q.TD != nil {
		body, kind = q.TD.Append(nil), bodyTD10
	}
	if q.Version == 5 {
		if len(body) == sizeTD15 {
			kind = bodyTD15
		}
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	}
	b = append(b, body...)
	qe := q.appendQE(nil)
	data := append(append([]byte{}, q.signature...), q.attestationKey...)
	if q.Version > 3 {
		data = binary.LittleEndian.AppendUint16(data, certificationQEReport)
		data = binary.LittleEndian.AppendUint32(data, uint32(len(qe)))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)+len(qe)))
	return append(append(b, data...), qe...)
}

func (q *Quote) appendQE(b []byte) []byte {
	b = append(b, q.qeReport...)
	b = append(b, q.qeReportSig...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(q.qeAuthData)))
	b = append(b, q.qeAuthData...)
	b = binary.LittleEndian.AppendUint16(b, q.certificateType)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(q.certificate)))
	return append(b, q.certificate...)
}

func (t *TDBody) Append(b []byte) []byte {
	b = append(b, t.TEETCBSVN[:]...)
	b = append(b, t.MRSEAM[:]...)
	b = append(b, t.MRSIGNERSEAM[:]...)
	for _, v := range []uint64{t.SEAMAttributes, t.TDAttributes, t.XFAM} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, v := range [][48]byte{t.MRTD, t.MRConfigID, t.MROwner, t.MROwnerConfig, t.RTMR[0], t.RTMR[1], t.RTMR[2], t.RTMR[3]} {
		b = append(b, v[:]...)
	}
	b = append(b, t.ReportData[:]...)
	if t.V15 {
		b = append(b, t.TEETCBSVN2[:]...)
		b = append(b, t.MRSERVICETD[:]...)
	}
	return b
}

// CheckSignatures is the part of Verify that needs no collateral.
func (q *Quote) CheckSignatures(pck *ecdsa.PublicKey) error {
	_, err := q.checkSignatures(pck)
	return err
}
