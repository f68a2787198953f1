package ert

import (
	"crypto/sha256"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// verifyEvidence answers oe.CallVerifyEvidence. The format is in the evidence;
// collateral is the runtime's own concern. Claims are delivered of a platform
// with an invalid TCB level too.
func (r *Runtime) verifyEvidence(p process, a [6]uint64) oe.Result {
	if (a[2] == 0) != (a[3] == 0) {
		return oe.InvalidParameter
	}
	b, ok := p.read(a[0], a[1], oe.MaxReportSize)
	if !ok {
		return oe.InvalidParameter
	}
	e, result := parseEvidence(b)
	if result != oe.OK {
		return result
	}
	v, result := r.verify(e.kind(), e.body)
	if v == nil {
		return result
	}
	if !e.bound(v.body.ReportData) {
		return oe.QuoteHashMismatch
	}
	if a[2] == 0 {
		return result
	}
	if failed := p.deliverClaims(e.claims(v), a[2], a[3]); failed != oe.OK {
		return failed
	}
	return result
}

// evidence has no header any more.
type evidence struct {
	format oe.Format
	body   []byte // a REPORT or a quote
	custom []byte // claims of the enclave's own
}

func (e *evidence) kind() oe.Kind {
	if e.format == oe.FormatLocal {
		return oe.Local
	}
	return oe.Remote
}

// customary reports whether the format has claims of the enclave's own. The
// others have report data.
func (e *evidence) customary() bool {
	return e.format == oe.FormatECDSA || e.format == oe.FormatLocal
}

// bound reports whether the report data binds the enclave's own claims.
func (e *evidence) bound(data [64]byte) bool {
	return !e.customary() || [32]byte(data[:32]) == sha256.Sum256(e.custom)
}

func parseEvidence(b []byte) (evidence, oe.Result) {
	var h header
	s := lebyte.String(b)
	if h.read(&s) && h.version == reportVersion {
		return headed(b)
	}
	format, body, err := oe.ParseEvidence(b)
	if err != nil {
		return evidence{}, oe.InvalidParameter
	}
	switch format {
	case oe.FormatReport:
		return headed(body)
	case oe.FormatLocal:
		return cut(format, body, sgx.ReportSize)
	case oe.FormatRawQuote, oe.FormatECDSA:
		n, ok := sizeOfQuote(body)
		if !ok {
			return evidence{}, oe.InvalidParameter
		}
		if format == oe.FormatRawQuote {
			n = len(body)
		}
		return cut(format, body, n)
	}
	return evidence{}, oe.NotFound
}

// headed is evidence whose header is a report's. What follows the size it
// states is not looked at.
func headed(b []byte) (evidence, oe.Result) {
	var h header
	var body []byte
	s := lebyte.String(b)
	switch {
	case !h.read(&s) || h.version != reportVersion || h.kind != oe.Remote:
		return evidence{}, oe.InvalidParameter
	case !s.Bytes(&body, h.size):
		return evidence{}, oe.ReportParseError
	}
	return evidence{format: oe.FormatReport, body: body}, oe.OK
}

// cut separates n bytes from the claims that follow them.
func cut(format oe.Format, b []byte, n int) (evidence, oe.Result) {
	if len(b) < n {
		return evidence{}, oe.InvalidParameter
	}
	return evidence{format, b[:n], b[n:]}, oe.OK
}

// sizeOfQuote is that of the quote with which b begins, if it is one of the
// kind that Open Enclave verifies.
func sizeOfQuote(b []byte) (n int, ok bool) {
	var version, keyType uint16
	var tee, size uint32
	var rest []byte
	s := lebyte.String(b)
	ok = s.Uint16(&version) && version == quoteVersion &&
		s.Uint16(&keyType) && keyType == keyTypeECDSA &&
		s.Uint32(&tee) && tee == 0 &&
		s.Bytes(&rest, quoteSize-12) &&
		s.Uint32(&size) && uint64(size) <= uint64(len(s))
	return quoteSize + int(size), ok
}
