package ert

import (
	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

const reportVersion = 1

// quoteSize is the least that Open Enclave takes for a quote, in bytes: header,
// body, and the length of its signature data.
const quoteSize = quoteBody + sgx.ReportBodySize + 4

// header is that of a report. Open Enclave's functions differ in what they ask
// of it, so that nothing is compared here.
type header struct {
	version uint32
	kind    oe.Kind
	size    uint64
}

func (h *header) read(s *lebyte.String) bool {
	return s.Uint32(&h.version) && s.Uint32((*uint32)(&h.kind)) && s.Uint64(&h.size)
}

func (h *header) known() bool { return h.kind == oe.Local || h.kind == oe.Remote }

// parseReport takes the header off a report as oe_verify_report does. A REPORT
// may have bytes after it.
func parseReport(b []byte) (kind oe.Kind, body []byte, result oe.Result) {
	var h header
	s := lebyte.String(b)
	least := map[oe.Kind]int{oe.Local: sgx.ReportSize, oe.Remote: quoteSize}
	switch {
	case !h.read(&s):
		return 0, nil, oe.InvalidParameter
	case !h.known():
		return 0, nil, oe.Unsupported
	case h.version != reportVersion:
		return 0, nil, oe.InvalidParameter
	case h.size != uint64(len(s)) || len(s) < least[h.kind]:
		return 0, nil, oe.IncorrectReportSize
	}
	return h.kind, s, oe.OK
}
