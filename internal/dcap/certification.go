package dcap

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Types of certification data.
const (
	certificationPPID     = 1 // names the PCK certificate: the machine's PPID in clear
	certificationRSA2048  = 2 // the same, encrypted for Intel
	certificationRSA3072  = 3
	certificationPCK      = 4 // the PCK certificate alone
	certificationPCKChain = 5
	certificationQEReport = 6 // the quoting enclave's report and one of the others, from version 4 on
)

// readSignature reads what follows header and body. In version 3 that is a
// flat list; later ones wrap all that vouches for the attestation key in
// certification data of its own, of type 6.
func (q *Quote) readSignature(s *lebyte.String) error {
	var size uint32
	if !s.Uint32(&size) || uint64(size) != uint64(len(*s)) || !s.Bytes(&q.signature, 64) || !s.Bytes(&q.attestationKey, 64) {
		return malformed("the signature data does not have the length it declares, or something follows it")
	}
	if err := q.readWrapping(s); err != nil {
		return err
	}
	if !q.readQEReport(s) {
		return malformed("the certification data does not have the length it declares, or something follows it")
	}
	if q.certificateType < certificationPPID || q.certificateType > certificationPCKChain {
		return malformed("there is no certification data type %d in this place", q.certificateType)
	}
	return nil
}

func (q *Quote) readWrapping(s *lebyte.String) error {
	if q.Version == 3 {
		return nil
	}
	var kind uint16
	var size uint32
	switch {
	case !s.Uint16(&kind) || !s.Uint32(&size) || uint64(size) != uint64(len(*s)):
		return malformed("the certification data does not have the length it declares, or something follows it")
	case kind != certificationQEReport:
		return malformed("certification data type %d, where version %d has the quoting enclave's report (6)", kind, q.Version)
	}
	return nil
}

func (q *Quote) readQEReport(s *lebyte.String) bool {
	var size uint32
	var authSize uint16
	return s.Bytes(&q.qeReport, sgx.ReportBodySize) &&
		s.Bytes(&q.qeReportSig, 64) &&
		s.Uint16(&authSize) && s.Bytes(&q.qeAuthData, uint64(authSize)) &&
		s.Uint16(&q.certificateType) &&
		s.Uint32(&size) && s.Bytes(&q.certificate, uint64(size)) &&
		s.Empty()
}

// PCK returns the certificate chain that the quote brings along, not verified.
// Where it brings none, [Quote.PCKID] may say which it needs.
func (q *Quote) PCK() (*PCKChain, error) {
	switch q.certificateType {
	case certificationPCKChain:
		return ParsePCKChain(q.certificate)
	case certificationPCK:
		return nil, unsupported("certification data type 4: a PCK certificate without its issuers")
	}
	return nil, unsupported("certification data type %d only names its PCK certificate: it needs a PCK certificate source", q.certificateType)
}

// PCKID names the PCK certificate of a quote that does not bring it, as the
// provisioning certification service is asked for it.
type PCKID struct {
	QEID   [16]byte // of the quoting enclave on its machine
	PPID   []byte   // 16 bytes in clear, or 256 or 384 encrypted for Intel with RSA
	CPUSVN [16]byte
	PCESVN uint16
	PCEID  [2]byte
}

// NeedsPCK reports whether the quote does not bring its certificate chain but
// names it.
func (q *Quote) NeedsPCK() bool { return q.certificateType < certificationPCK }

// PCKID returns the name in certification data of type 1 to 3.
func (q *Quote) PCKID() (PCKID, error) {
	size := map[uint16]uint64{certificationPPID: 16, certificationRSA2048: 256, certificationRSA3072: 384}[q.certificateType]
	id := PCKID{QEID: [16]byte(q.UserData[:16])}
	s := lebyte.String(q.certificate)
	if size == 0 || !s.Bytes(&id.PPID, size) || !s.Copy(id.CPUSVN[:]) || !s.Uint16(&id.PCESVN) || !s.Copy(id.PCEID[:]) || !s.Empty() {
		return PCKID{}, malformed("certification data of type %d with %d bytes does not name a PCK certificate", q.certificateType, len(q.certificate))
	}
	return id, nil
}

// key parses the attestation key, which must be a point of P-256.
func (q *Quote) key() (*ecdsa.PublicKey, error) {
	var point [65]byte
	point[0] = 4 // uncompressed
	copy(point[1:], q.attestationKey)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil {
		return nil, forged("INVALID_QUOTE_SIGNATURE", "the attestation key is not a point of P-256")
	}
	return key, nil
}
