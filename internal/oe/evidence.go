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

// Formats of evidence that Open Enclave verifies.
var (
	// FormatECDSA is a quote, then claims of the enclave's own, whose SHA-256
	// is in the first half of the quote's report data.
	FormatECDSA = Format{0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14, 0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c}
	// FormatRawQuote is a quote alone.
	FormatRawQuote = Format{0x19, 0x23, 0xd9, 0x1e, 0x12, 0xd2, 0x4c, 0x72, 0xb2, 0x20, 0x25, 0xcd, 0x8d, 0xac, 0xe8, 0x71}
	// FormatReport is a report with the header of its own that [ParseReport]
	// takes off, and which is mostly met without this one.
	FormatReport = Format{0xc8, 0x30, 0x34, 0x54, 0xd9, 0x23, 0x4c, 0x2c, 0xa6, 0x91, 0xdf, 0x7d, 0xef, 0x46, 0x0a, 0x76}
	// FormatLocal is an SGX REPORT of 432 bytes, then claims of the enclave's
	// own, bound as those of FormatECDSA are.
	FormatLocal = Format{0x09, 0x26, 0x8c, 0x33, 0x6e, 0x0b, 0x45, 0xe5, 0x8a, 0x27, 0x15, 0x64, 0x4d, 0x0e, 0xf8, 0x9a}
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
// all that follows; what is in it is not looked at, and nor is the padding,
// which Open Enclave leaves as it finds it in memory.
func ParseEvidence(b []byte) (f Format, body []byte, err error) {
	var version, padding uint32
	var size uint64
	s := lebyte.String(b)
	if len(b) > MaxReportSize ||
		!s.Uint32(&version) || version != evidenceVersion ||
		!s.Copy(f[:]) ||
		!s.Uint32(&padding) ||
		!s.Uint64(&size) ||
		!s.Bytes(&body, size) ||
		!s.Empty() {
		return Format{}, nil, errEvidence
	}
	return f, body, nil
}
