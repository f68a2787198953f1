package dcap

import (
	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Sizes in bytes. A genuine quote has about 4,700.
const (
	headerSize   = 48
	minQuoteSize = headerSize + sgx.ReportBodySize + 4
	maxQuoteSize = 64 << 10
)

// Kinds of trusted execution environment (TEE) that quotes are of.
const (
	TEESGX = 0x00
	TEETDX = 0x81
)

const attestationKeyECDSA256 = 2

// intelVendor is the vendor of the quoting enclave.
var intelVendor = [16]byte{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07}

// Quote is a parsed quote of version 3, 4 or 5. Nothing in it has been
// verified. Its slices share the memory it was parsed from.
type Quote struct {
	Version  uint16
	TEE      uint32 // TEESGX or TEETDX
	QESVN    uint16
	PCESVN   uint16
	UserData [20]byte       // the quoting enclave's identifier and four zeros
	Body     sgx.ReportBody // of an enclave; zero in a trust domain's quote
	TD       *TDBody        // of a trust domain; nil in an enclave's quote

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
	q := new(Quote)
	s := lebyte.String(b)
	if err := q.readHeader(&s); err != nil {
		return nil, err
	}
	if err := q.readBody(&s); err != nil {
		return nil, err
	}
	end := len(b) - len(s)
	q.signed = b[:end:end]
	if err := q.readSignature(&s); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *Quote) readHeader(s *lebyte.String) error {
	var keyType uint16
	var vendor [16]byte
	if !s.Uint16(&q.Version) || !s.Uint16(&keyType) || !s.Uint32(&q.TEE) ||
		!s.Uint16(&q.QESVN) || !s.Uint16(&q.PCESVN) || !s.Copy(vendor[:]) || !s.Copy(q.UserData[:]) {
		return malformed("the header is cut off")
	}
	switch {
	case q.Version < 3 || q.Version > 5:
		return malformed("there is no quote version %d", q.Version)
	case q.Version == 3 && q.TEE != TEESGX:
		return malformed("the header's reserved bytes are not zero")
	case q.TEE != TEESGX && q.TEE != TEETDX:
		return unsupported("quotes of a TEE of kind %#x: only those of SGX (0) and TDX (0x81) can be verified", q.TEE)
	case q.TEE == TEETDX && (q.QESVN != 0 || q.PCESVN != 0): // reserved in these
		return malformed("the header's reserved bytes are not zero")
	case keyType != attestationKeyECDSA256:
		return unsupported("attestation key type %d: only ECDSA with P-256 (2) can be verified", keyType)
	case vendor != intelVendor:
		return unsupported("quoting enclave vendor %x is not Intel", vendor)
	}
	return nil
}

// Kind returns the version and the kind of trusted execution environment that
// the header of a quote states, for saying what cannot be parsed.
func Kind(b []byte) (version uint16, tee uint32, ok bool) {
	var keyType uint16
	s := lebyte.String(b)
	ok = s.Uint16(&version) && s.Uint16(&keyType) && s.Uint32(&tee)
	return version, tee, ok
}

// Size returns how many bytes the quote that b begins with says it has.
func Size(b []byte) (n int, ok bool) {
	var q Quote
	var size uint32
	s := lebyte.String(b)
	if len(b) < minQuoteSize || q.readHeader(&s) != nil || q.readBody(&s) != nil || !s.Uint32(&size) || uint64(size) > uint64(len(s)) {
		return 0, false
	}
	return len(b) - len(s) + int(size), true
}
