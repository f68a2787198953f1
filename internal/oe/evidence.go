package oe

import (
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// EvidenceHeaderSize is in bytes. It is that of a C structure: four bytes of
// it are padding.
const EvidenceHeaderSize = 32

const evidenceVersion = 3

// Format says what follows the header of evidence, as a UUID in written order.
type Format [16]byte

// Formats of evidence that carry a quote.
var (
	// FormatECDSA is a quote, then claims of the enclave's own, whose SHA-256
	// is in the first half of the quote's report data.
	FormatECDSA = Format{0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14, 0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c}
	// FormatRawQuote is a quote alone.
	FormatRawQuote = Format{0x19, 0x23, 0xd9, 0x1e, 0x12, 0xd2, 0x4c, 0x72, 0xb2, 0x20, 0x25, 0xcd, 0x8d, 0xac, 0xe8, 0x71}
)

var errEvidence = errors.New("oe: not Open Enclave evidence (version 3, of the size it states)")

// Evidence returns body behind the header that says what it is.
func Evidence(f Format, body []byte) []byte {
	b := make([]byte, 0, EvidenceHeaderSize+len(body))
	b = binary.LittleEndian.AppendUint32(b, evidenceVersion)
	b = append(b, f[:]...)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body)))
	return append(b, body...)
}

// ParseEvidence takes the header off b. The body, which shares b's memory, is
// all that follows; what is in it is not looked at.
func ParseEvidence(b []byte) (f Format, body []byte, err error) {
	var version uint32
	var size uint64
	s := lebyte.String(b)
	if len(b) > MaxReportSize ||
		!s.Uint32(&version) || version != evidenceVersion ||
		!s.Copy(f[:]) ||
		!s.Zero(4) ||
		!s.Uint64(&size) ||
		!s.Bytes(&body, size) ||
		!s.Empty() {
		return Format{}, nil, errEvidence
	}
	return f, body, nil
}
