package issue

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

var errCurve = errors.New("issue: quotes and documents are signed with P-256 keys only")

// Quote has all parts of a quote of version 3, 4 or 5, in the order in which
// they are written. NewQuote sets what is the same in all of Intel's; BindKey,
// SignQEReport and Sign are the steps of a quoting enclave and its
// provisioning certification enclave, each to be left out or done wrongly.
type Quote struct {
	Version  uint16
	KeyType  uint16 // 2: ECDSA with P-256
	TEE      uint32 // 0: SGX, 0x81: TDX
	QESVN    uint16
	PCESVN   uint16
	Vendor   [16]byte
	UserData [20]byte // the QE's identifier and four zeros
	BodyType uint16   // of version 5 only; 1: an SGX report, 2 and 3: TD reports
	Body     []byte   // 384 bytes of an SGX report, or a TD report

	Signature         [64]byte
	AttestationKey    [64]byte
	QEReport          []byte // 384 bytes
	QEReportSignature [64]byte
	AuthData          []byte
	CertType          uint16 // 5: a PEM chain
	CertData          []byte
	Trailing          []byte // what no quote should have after its end

	// Lengths to write instead of the true ones, if not nil.
	SignatureDataSize *uint32
	QEDataSize        *uint32 // of versions 4 and 5 only: QE report to certificates
	AuthDataSize      *uint16
	CertDataSize      *uint32
}

// IntelVendor is the identifier of Intel's quoting enclaves.
func IntelVendor() [16]byte {
	return [16]byte{0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07}
}

// NewQuote is an unsigned quote of body by a quoting enclave that qe
// describes, with the certificates of the key that will sign qe: PCK, PCK CA
// and root.
func NewQuote(body, qe *sgx.ReportBody, chain ...*x509.Certificate) *Quote {
	q := &Quote{
		Version:  3,
		KeyType:  2,
		QESVN:    qe.SVN,
		Vendor:   IntelVendor(),
		BodyType: 1,
		Body:     body.Append(nil),
		QEReport: qe.Append(nil),
		AuthData: make([]byte, 32),
		CertType: 5,
		CertData: append(PEM(chain...), 0), // Intel's are C strings
	}
	for i := range q.AuthData {
		q.AuthData[i] = byte(i) // as Intel's
	}
	return q
}

// BindKey sets the attestation key and, in the report data of the QE report,
// the hash of it and of the authentication data.
func (q *Quote) BindKey(key *ecdsa.PublicKey) (err error) {
	if q.AttestationKey, err = point(key); err != nil {
		return err
	}
	hash := sha256.Sum256(append(q.AttestationKey[:], q.AuthData...))
	reportData := q.QEReport[len(q.QEReport)-64:]
	clear(reportData)
	copy(reportData, hash[:])
	return nil
}

// SignQEReport signs the QE report with the PCK.
func (q *Quote) SignQEReport(pck *ecdsa.PrivateKey) (err error) {
	q.QEReportSignature, err = sign(pck, q.QEReport)
	return err
}

// Sign signs header and body with the attestation key.
func (q *Quote) Sign(key *ecdsa.PrivateKey) (err error) {
	q.Signature, err = sign(key, q.appendSigned(nil))
	return err
}

// Append appends the encoding of q to b.
func (q *Quote) Append(b []byte) []byte {
	data := q.signatureData()
	b = q.appendSigned(b)
	b = binary.LittleEndian.AppendUint32(b, or(q.SignatureDataSize, uint32(len(data))))
	b = append(b, data...)
	return append(b, q.Trailing...)
}

func (q *Quote) appendSigned(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, q.Version)
	b = binary.LittleEndian.AppendUint16(b, q.KeyType)
	b = binary.LittleEndian.AppendUint32(b, q.TEE)
	b = binary.LittleEndian.AppendUint16(b, q.QESVN)
	b = binary.LittleEndian.AppendUint16(b, q.PCESVN)
	b = append(b, q.Vendor[:]...)
	b = append(b, q.UserData[:]...)
	if q.Version == 5 {
		b = binary.LittleEndian.AppendUint16(b, q.BodyType)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(q.Body)))
	}
	return append(b, q.Body...)
}

func (q *Quote) signatureData() []byte {
	qe := q.qeData()
	b := append(q.Signature[:], q.AttestationKey[:]...)
	if q.Version > 3 {
		const qeReportData = 6
		b = binary.LittleEndian.AppendUint16(b, qeReportData)
		b = binary.LittleEndian.AppendUint32(b, or(q.QEDataSize, uint32(len(qe))))
	}
	return append(b, qe...)
}

func (q *Quote) qeData() []byte {
	b := append(q.QEReport[:len(q.QEReport):len(q.QEReport)], q.QEReportSignature[:]...)
	b = binary.LittleEndian.AppendUint16(b, or(q.AuthDataSize, uint16(len(q.AuthData))))
	b = append(b, q.AuthData...)
	b = binary.LittleEndian.AppendUint16(b, q.CertType)
	b = binary.LittleEndian.AppendUint32(b, or(q.CertDataSize, uint32(len(q.CertData))))
	return append(b, q.CertData...)
}

func or[T any](override *T, value T) T {
	if override != nil {
		return *override
	}
	return value
}
