package dcap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// signed is a change of a quote that its signatures cover.
func signed(f func(*issue.Quote)) change { return func(s *scene) { s.bound = f } }

// after is a change made once the quote is signed.
func after(f func(*issue.Quote)) change { return func(s *scene) { s.quoted = f } }

func TestQuoteFormat(t *testing.T) {
	huge16, huge32, one := uint16(0xFFFF), uint32(0xFFFFFFFF), uint32(1)
	const format = "length it declares"
	rows{
		"UNSUPPORTED_QUOTE_FORMAT: empty":     {func(s *scene) { s.handed = func(e *evidence) { e.quote = nil } }, malformed("0 bytes are too few")},
		"too short for its header":            {func(s *scene) { s.handed = func(e *evidence) { e.quote = e.quote[:435] } }, malformed("435 bytes are too few")},
		"longer than any":                     {after(func(q *issue.Quote) { q.CertData = append(q.CertData, make([]byte, 64<<10)...) }), malformed("more than the 65536")},
		"version 0":                           {signed(func(q *issue.Quote) { q.Version = 0 }), malformed("version 0")},
		"version 2":                           {signed(func(q *issue.Quote) { q.Version = 2 }), malformed("version 2")},
		"version 6":                           {signed(func(q *issue.Quote) { q.Version = 6 }), malformed("version 6")},
		"version 0xFFFF":                      {signed(func(q *issue.Quote) { q.Version = 0xFFFF }), malformed("version 65535")},
		"TEE type where version 3 has none":   {signed(func(q *issue.Quote) { q.TEE = dcap.TEETDX }), malformed("reserved")},
		"EPID attestation key":                {signed(func(q *issue.Quote) { q.KeyType = 0 }), unsupported("key type 0")},
		"P-384 attestation key":               {signed(func(q *issue.Quote) { q.KeyType = 3 }), unsupported("key type 3")},
		"vendor: another quoting enclave":     {signed(func(q *issue.Quote) { q.Vendor[15]++ }), unsupported("not Intel")},
		"vendor: none":                        {signed(func(q *issue.Quote) { q.Vendor = [16]byte{} }), unsupported("not Intel")},
		"reserved byte behind CETATTRIBUTES":  {signed(func(q *issue.Quote) { q.Body[21] = 1 }), malformed("reserved")},
		"reserved byte behind MRENCLAVE":      {signed(func(q *issue.Quote) { q.Body[96] = 1 }), malformed("reserved")},
		"reserved byte behind MRSIGNER":       {signed(func(q *issue.Quote) { q.Body[191] = 1 }), malformed("reserved")},
		"reserved byte behind CONFIGSVN":      {signed(func(q *issue.Quote) { q.Body[303] = 1 }), malformed("reserved")},
		"trailing byte":                       {after(func(q *issue.Quote) { q.Trailing = []byte{0} }), malformed(format)},
		"padded to 8000 bytes":                {after(func(q *issue.Quote) { q.Trailing = make([]byte, 3000) }), malformed(format)},
		"trailing byte that is counted":       {after(count(1)), malformed(format)},
		"signature data of 0xFFFFFFFF bytes":  {after(func(q *issue.Quote) { q.SignatureDataSize = &huge32 }), malformed(format)},
		"signature data of 1 byte":            {after(func(q *issue.Quote) { q.SignatureDataSize = &one }), malformed(format)},
		"signature data too small by one":     {after(count(-1)), malformed(format)},
		"authentication data of 0xFFFF bytes": {after(func(q *issue.Quote) { q.AuthDataSize = &huge16 }), malformed(format)},
		"certificates of 0xFFFFFFFF bytes":    {after(func(q *issue.Quote) { q.CertDataSize = &huge32 }), malformed(format)},
		"certificates of 1 byte":              {after(func(q *issue.Quote) { q.CertDataSize = &one }), malformed(format)},
		"body of 383 bytes":                   {signed(func(q *issue.Quote) { q.Body = q.Body[:383] }), malformed("")},
	}.refused(t)
}

// count appends a byte and lets the size of the signature data be off by n
// from what it is without.
func count(n int) func(*issue.Quote) {
	return func(q *issue.Quote) {
		size := uint32(64 + 64 + 384 + 64 + 2 + len(q.AuthData) + 6 + len(q.CertData) + n)
		q.SignatureDataSize = &size
		if n > 0 {
			q.Trailing = make([]byte, n)
		}
	}
}

func TestCertificationDataTypes(t *testing.T) {
	r := rows{}
	for _, kind := range []uint16{0, 1, 2, 3, 4, 6, 7, 8, 0xFFFF} {
		want := unsupported("needs a PCK certificate source")
		if kind == 4 {
			want = unsupported("without its issuers")
		}
		if kind == 0 || kind > 5 {
			want = malformed(fmt.Sprintf("type %d", kind))
		}
		r[fmt.Sprintf("type %d", kind)] = row{after(func(q *issue.Quote) { q.CertType = kind }), want}
	}
	r.refused(t)
}

func TestQuoteSignatures(t *testing.T) {
	rebind := func(q *issue.Quote) { // what BindKey does, for a key that is none
		hash := sha256.Sum256(append(q.AttestationKey[:], q.AuthData...))
		copy(q.QEReport[320:], hash[:])
	}
	rows{
		"INVALID_QE_REPORT_SIGNATURE: by another key": {func(s *scene) {
			s.certified = func(p *people) { p.pckKey = p.signing.Key }
		}, forged("INVALID_QE_REPORT_SIGNATURE", "")},
		"INVALID_QE_REPORT_SIGNATURE: zeros": {after(func(q *issue.Quote) { q.QEReportSignature = [64]byte{} }), forged("INVALID_QE_REPORT_SIGNATURE", "")},
		"INVALID_QE_REPORT_SIGNATURE: QE report changed": {after(func(q *issue.Quote) {
			q.QEReport[256+2]++ // its SVN
		}), forged("INVALID_QE_REPORT_SIGNATURE", "")},
		"QE report with a reserved byte":         {signed(func(q *issue.Quote) { q.QEReport[21] = 1 }), malformed("quoting enclave's report")},
		"INVALID_QE_REPORT_DATA: byte 0 differs": {signed(func(q *issue.Quote) { q.QEReport[320] ^= 1 }), forged("INVALID_QE_REPORT_DATA", "")},
		"INVALID_QE_REPORT_DATA: attestation key replaced": {func(s *scene) {
			var stranger *people
			s.certified = func(p *people) { stranger = p }
			s.quoted = func(q *issue.Quote) {
				report := bytes.Clone(q.QEReport)
				check(t, q.BindKey(&stranger.signing.Key.PublicKey))
				check(t, q.Sign(stranger.signing.Key))
				q.QEReport = report
			}
		}, forged("INVALID_QE_REPORT_DATA", "")},
		"INVALID_QE_REPORT_DATA: byte 32 is not zero":    {signed(func(q *issue.Quote) { q.QEReport[320+32] = 1 }), forged("INVALID_QE_REPORT_DATA", "")},
		"INVALID_QE_REPORT_DATA: byte 63 is not zero":    {signed(func(q *issue.Quote) { q.QEReport[320+63] = 1 }), forged("INVALID_QE_REPORT_DATA", "")},
		"INVALID_QE_REPORT_DATA: authentication data":    {after(func(q *issue.Quote) { q.AuthData[31]++ }), forged("INVALID_QE_REPORT_DATA", "")},
		"INVALID_QE_REPORT_DATA: no authentication data": {after(func(q *issue.Quote) { q.AuthData = nil }), forged("INVALID_QE_REPORT_DATA", "")},
		"attestation key not on the curve": {signed(func(q *issue.Quote) {
			q.AttestationKey[63] ^= 1
			rebind(q)
		}), forged("INVALID_QUOTE_SIGNATURE", "not a point")},
		"attestation key is the point at infinity": {signed(func(q *issue.Quote) {
			q.AttestationKey = [64]byte{}
			rebind(q)
		}), forged("INVALID_QUOTE_SIGNATURE", "not a point")},
		"INVALID_QUOTE_SIGNATURE: by another key": {func(s *scene) {
			var p *people
			s.certified = func(all *people) { p = all }
			s.quoted = func(q *issue.Quote) { check(t, q.Sign(p.pck.Key)) }
		}, forged("INVALID_QUOTE_SIGNATURE", "not signed")},
		"INVALID_QUOTE_SIGNATURE: zeros":           {after(func(q *issue.Quote) { q.Signature = [64]byte{} }), forged("INVALID_QUOTE_SIGNATURE", "not signed")},
		"INVALID_QUOTE_SIGNATURE: body changed":    {after(func(q *issue.Quote) { q.Body[64]++ }), forged("INVALID_QUOTE_SIGNATURE", "not signed")},
		"INVALID_QUOTE_SIGNATURE: header changed":  {after(func(q *issue.Quote) { q.QESVN++ }), forged("INVALID_QUOTE_SIGNATURE", "not signed")},
		"INVALID_QUOTE_SIGNATURE: user data added": {after(func(q *issue.Quote) { q.UserData[0]++ }), forged("INVALID_QUOTE_SIGNATURE", "not signed")},
	}.refused(t)
}

func TestQuoteFields(t *testing.T) {
	s := newScene()
	s.binding = func(q *issue.Quote) {
		q.QESVN, q.PCESVN, q.UserData = 0x0102, 0x0304, [20]byte{5, 19: 6}
		q.AuthData = []byte("another length")
	}
	b := s.play(t).quote
	q, err := dcap.ParseQuote(b)
	check(t, err)
	if q.Version != 3 || q.QESVN != 0x0102 || q.PCESVN != 0x0304 || q.UserData != [20]byte{5, 19: 6} || q.Body != s.body {
		t.Errorf("%+v", q)
	}
	if !bytes.Equal(q.Append(nil), b) {
		t.Error("encodes differently")
	}
}

func TestQuoteTruncated(t *testing.T) {
	b := newScene().play(t).quote
	for n := range b {
		if _, err := dcap.ParseQuote(b[:n]); !errors.Is(err, dcap.ErrMalformed) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	// The same with lengths that are right: what is cut off is certificates.
	const sizeAt, certSizeAt = 432, 432 + 4 + 64 + 64 + 384 + 64 + 2 + 32 + 2
	for n := certSizeAt + 4; n < len(b)-2; n++ { // without NUL and newline it is whole
		cut := bytes.Clone(b[:n])
		binary.LittleEndian.PutUint32(cut[sizeAt:], uint32(n-sizeAt-4))
		binary.LittleEndian.PutUint32(cut[certSizeAt:], uint32(n-certSizeAt-4))
		q, err := dcap.ParseQuote(cut)
		check(t, err)
		if _, err := q.PCK(); err == nil {
			t.Fatalf("%d of %d bytes have a certificate chain", n, len(b))
		}
	}
}

func TestKind(t *testing.T) {
	tests := map[string]struct {
		in      []byte
		version uint16
		tee     uint32
		ok      bool
	}{
		"nothing":    {nil, 0, 0, false},
		"seven":      {make([]byte, 7), 0, 0, false},
		"SGX":        {[]byte{3, 0, 2, 0, 0, 0, 0, 0}, 3, 0, true},
		"TDX":        {[]byte{4, 0, 2, 0, 0x81, 0, 0, 0, 1}, 4, dcap.TEETDX, true},
		"all byte 1": {bytes.Repeat([]byte{1}, 8), 0x0101, 0x01010101, true},
	}
	for name, test := range tests {
		version, tee, ok := dcap.Kind(test.in)
		if ok != test.ok || ok && (version != test.version || tee != test.tee) {
			t.Errorf("%s: %d, %#x, %v", name, version, tee, ok)
		}
	}
}
