package oe

import (
	"encoding/binary"
	"errors"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// Sizes in bytes. Quotes are about 5 KiB; the limit is for input from outside.
const (
	ReportHeaderSize = 16
	MaxReportSize    = 64 << 10 // with its header
)

// Kind says what follows the header of a report. The zero Kind is invalid.
type Kind uint32

// Kinds of report.
const (
	Local  Kind = 1 // an SGX REPORT of 432 bytes, for one enclave on the same CPU
	Remote Kind = 2 // an SGX quote, for anybody
)

const reportVersion = 1

var errReport = errors.New("oe: not an Open Enclave report (version 1, local or remote, of the size it states)")

// Report returns quoteOrReport behind the header that says what it is.
func Report(quoteOrReport []byte, remote bool) []byte {
	kind := Local
	if remote {
		kind = Remote
	}
	b := make([]byte, 0, ReportHeaderSize+len(quoteOrReport))
	b = binary.LittleEndian.AppendUint32(b, reportVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(kind))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(quoteOrReport)))
	return append(b, quoteOrReport...)
}

// ParseReport takes the header off b. The body, which shares b's memory, is
// all that follows; what is in it is not looked at.
func ParseReport(b []byte) (kind Kind, body []byte, err error) {
	var version uint32
	var size uint64
	s := lebyte.String(b)
	if len(b) > MaxReportSize ||
		!s.Uint32(&version) || version != reportVersion ||
		!s.Uint32((*uint32)(&kind)) || kind != Local && kind != Remote ||
		!s.Uint64(&size) ||
		!s.Bytes(&body, size) ||
		!s.Empty() {
		return 0, nil, errReport
	}
	return kind, body, nil
}
