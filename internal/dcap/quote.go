package dcap

import (
	"crypto/ecdsa"
	"crypto/elliptic"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Sizes in bytes. A genuine quote of version 3 has about 4,700.
const (
	headerSize   = 48
	signedSize   = headerSize + sgx.ReportBodySize
	minQuoteSize = signedSize + 4
	maxQuoteSize = 64 << 10
)

const (
	attestationKeyECDSA256 = 2
	certificationPCKChain  = 5
)

// intelVendor is the vendor of the quoting enclave.
var intelVendor = [16]byte{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07}

// Quote is a parsed SGX quote of version 3. Nothing in it has been verified.
// Its slices share the memory it was parsed from.
type Quote struct {
	Version  uint16
	QESVN    uint16
	PCESVN   uint16
	UserData [20]byte
	Body     sgx.ReportBody

	signed          []byte // header and body
	signature       []byte // by the attestation key over signed
	attestationKey  []byte // X and Y
	qeReport        []byte
	qeReportSig     []byte // by the PCK over qeReport
	qeAuthData      []byte
	certificateType uint16
	certificate     []byte
}

// ParseQuote parses one quote and nothing after it.
func ParseQuote(b []byte) (*Quote, error) {
	if len(b) < minQuoteSize {
		return nil, malformed("%d bytes are too few for a quote", len(b))
	}
	if len(b) > maxQuoteSize {
		return nil, malformed("%d bytes are more than the %d a quote may have", len(b), maxQuoteSize)
	}
	q := &Quote{signed: b[:signedSize:signedSize]}
	s := lebyte.String(b)
	if err := q.readHeader(&s); err != nil {
		return nil, err
	}
	if !q.Body.Read(&s) {
		return nil, malformed("the report body has reserved bytes that are not zero")
	}
	if !q.readSignature(&s) {
		return nil, malformed("the signature data does not have the length it declares, or something follows it")
	}
	return q, nil
}

func (q *Quote) readHeader(s *lebyte.String) error {
	var keyType uint16
	var tee uint32
	var vendor [16]byte
	if !s.Uint16(&q.Version) || !s.Uint16(&keyType) {
		return malformed("the header is cut off")
	}
	switch q.Version {
	case 3:
	case 4, 5:
		return unsupported("quotes of version %d cannot be verified yet, only SGX quotes of version 3", q.Version)
	default:
		return malformed("there is no quote version %d", q.Version)
	}
	if !s.Uint32(&tee) || tee != 0 {
		return malformed("the header's reserved bytes are not zero")
	}
	if !s.Uint16(&q.QESVN) || !s.Uint16(&q.PCESVN) || !s.Copy(vendor[:]) || !s.Copy(q.UserData[:]) {
		return malformed("the header is cut off")
	}
	if keyType != attestationKeyECDSA256 {
		return unsupported("attestation key type %d: only ECDSA with P-256 (2) can be verified", keyType)
	}
	if vendor != intelVendor {
		return unsupported("quoting enclave vendor %x is not Intel", vendor)
	}
	return nil
}

func (q *Quote) readSignature(s *lebyte.String) bool {
	var size, certSize uint32
	var authSize uint16
	return s.Uint32(&size) && uint64(size) == uint64(len(*s)) &&
		s.Bytes(&q.signature, 64) &&
		s.Bytes(&q.attestationKey, 64) &&
		s.Bytes(&q.qeReport, sgx.ReportBodySize) &&
		s.Bytes(&q.qeReportSig, 64) &&
		s.Uint16(&authSize) && s.Bytes(&q.qeAuthData, uint64(authSize)) &&
		s.Uint16(&q.certificateType) &&
		s.Uint32(&certSize) && s.Bytes(&q.certificate, uint64(certSize)) &&
		s.Empty()
}

// Kind returns the version and the kind of trusted execution environment that
// the header of a quote states, for saying what cannot be parsed.
func Kind(b []byte) (version uint16, tee uint32, ok bool) {
	var keyType uint16
	s := lebyte.String(b)
	ok = s.Uint16(&version) && s.Uint16(&keyType) && s.Uint32(&tee)
	return version, tee, ok
}

// TEETDX is the kind of a trust domain's quote. An SGX enclave's is 0.
const TEETDX = 0x81

// PCK returns the certificate chain that the quote brings along, not verified.
func (q *Quote) PCK() (*PCKChain, error) {
	switch q.certificateType {
	case certificationPCKChain:
		return parsePCKChain(q.certificate)
	case 1, 2, 3, 4, 6, 7:
		return nil, unsupported("certification data type %d: only quotes that bring their PCK certificate chain (5) can be verified", q.certificateType)
	}
	return nil, malformed("there is no certification data type %d", q.certificateType)
}

// key parses the attestation key, which must be a point of P-256.
func (q *Quote) key() (*ecdsa.PublicKey, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, q.attestationKey...))
	if err != nil {
		return nil, forged("INVALID_QUOTE_SIGNATURE", "the attestation key is not a point of P-256")
	}
	return key, nil
}
