package dcap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// version has the quote in another one.
func version(n uint16) change {
	return func(s *scene) { s.binding = func(q *issue.Quote) { q.Version = n } }
}

// formats are the scenes of all kinds of quote.
func formats() map[string]change {
	return map[string]change{
		"SGX 3":          func(*scene) {},
		"SGX 4":          version(4),
		"SGX 5":          version(5),
		"TDX 4":          inTD,
		"TDX 5, TDX 1.0": both(inTD, version(5)),
		"TDX 5, TDX 1.5": inTD15,
	}
}

func TestFormats(t *testing.T) {
	for name, format := range formats() {
		s := newScene()
		format(s)
		s.body.FamilyID, s.body.ExtProductID = [16]byte{1, 15: 2}, [16]byte{3, 15: 4} // KSS
		s.body.ConfigID, s.body.ConfigSVN = [64]byte{5, 63: 6}, 0x0708
		e := s.play(t)
		q, err := dcap.ParseQuote(e.quote)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(q.Append(nil), e.quote) {
			t.Errorf("%s: encodes differently", name)
		}
		v, err := e.verify()
		if err != nil || v.TCB.Status != dcap.UpToDate {
			t.Errorf("%s: %+v, %v", name, v, err)
			continue
		}
		if s.td == nil && (v.Body != s.body || v.TD != nil) {
			t.Errorf("%s: %+v", name, v)
		}
		if s.td != nil && (v.Body != sgx.ReportBody{} || v.TD == nil || !bytes.Equal(v.TD.Append(nil), s.td.Append(nil))) {
			t.Errorf("%s: %+v", name, v.TD)
		}
		if n, ok := dcap.Size(append(e.quote, 1, 2, 3)); !ok || n != len(e.quote) {
			t.Errorf("%s: says it has %d of %d bytes", name, n, len(e.quote))
		}
		for n := range e.quote {
			if _, err := dcap.ParseQuote(e.quote[:n]); !errors.Is(err, dcap.ErrMalformed) {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, len(e.quote), err)
			}
		}
	}
}

func TestFormatsRefused(t *testing.T) {
	huge, one := uint32(0xFFFFFFFF), uint32(1)
	const length = "length it declares"
	bodyType := func(kind uint16) change { return signed(func(q *issue.Quote) { q.BodyType = kind }) }
	later := rows{
		"outer data of 0xFFFFFFFF bytes": {after(func(q *issue.Quote) { q.QEDataSize = &huge }), malformed(length)},
		"outer data of 1 byte":           {after(func(q *issue.Quote) { q.QEDataSize = &one }), malformed(length)},
		"certificates of 0xFFFFFFFF":     {after(func(q *issue.Quote) { q.CertDataSize = &huge }), malformed(length)},
		"signature data of 0xFFFFFFFF":   {after(func(q *issue.Quote) { q.SignatureDataSize = &huge }), malformed(length)},
		"trailing byte":                  {after(func(q *issue.Quote) { q.Trailing = []byte{0} }), malformed(length)},
		"inner type 6":                   {after(func(q *issue.Quote) { q.CertType = 6 }), malformed("type 6")},
		"inner type 3":                   {after(func(q *issue.Quote) { q.CertType = 3 }), unsupported("PCK certificate source")},
		"TEE 1":                          {signed(func(q *issue.Quote) { q.TEE = 1 }), unsupported("0x1")},
		"TEE of another kind":            {signed(func(q *issue.Quote) { q.TEE ^= 0x81 }), malformed("")},
		"AMD's TEE":                      {signed(func(q *issue.Quote) { q.TEE = 0x82 }), unsupported("0x82")},
		"outer type 5":                   {handed(func(e *evidence) { outerType(e.quote, 5) }), malformed("report (6)")},
		"outer type 7":                   {handed(func(e *evidence) { outerType(e.quote, 7) }), malformed("report (6)")},
	}
	for name, format := range formats() {
		if name != "SGX 3" {
			t.Run(name, func(t *testing.T) { clone(later).in(format).refused(t) })
		}
	}
	bodies := map[string]rows{
		"SGX 5": {
			"body type 0":                   {bodyType(0), malformed("no body of type 0")},
			"body type 2, of a TD":          {bodyType(2), malformed("no body of type 2")},
			"body type 3, of a TD":          {bodyType(3), malformed("no body of type 3")},
			"body type 4, of a TD":          {bodyType(4), malformed("no body of type 4")},
			"body type 5":                   {bodyType(5), malformed("no body of type 5")},
			"body one byte short":           {signed(func(q *issue.Quote) { q.Body = q.Body[:383] }), malformed("383 bytes")},
			"body one byte long":            {signed(func(q *issue.Quote) { q.Body = append(q.Body, 0) }), malformed("385 bytes")},
			"TD's body in an enclave's":     {signed(func(q *issue.Quote) { q.Body, q.BodyType = make([]byte, 584), 2 }), malformed("584 bytes")},
			"reserved byte behind MRSIGNER": {signed(func(q *issue.Quote) { q.Body[191] = 1 }), malformed("reserved")},
		},
		"TDX 5, TDX 1.5": {
			"body type 1, of an enclave":   {bodyType(1), malformed("no body of type 1")},
			"body type 2, shorter":         {bodyType(2), malformed("no body of type 2")},
			"body type 4":                  {bodyType(4), unsupported("type 4")},
			"body one byte short":          {signed(func(q *issue.Quote) { q.Body = q.Body[:647] }), malformed("647 bytes")},
			"enclave's body in a TD's":     {signed(func(q *issue.Quote) { q.Body, q.BodyType = make([]byte, 384), 1 }), malformed("384 bytes")},
			"reserved bytes of the header": {signed(func(q *issue.Quote) { q.QESVN = 1 }), malformed("reserved")},
		},
		"TDX 4": {
			"version 3, which has none":    {version(3), malformed("reserved")},
			"reserved bytes of the header": {signed(func(q *issue.Quote) { q.PCESVN = 1 }), malformed("reserved")},
		},
	}
	for name, r := range bodies {
		t.Run(name, func(t *testing.T) { r.in(formats()[name]).refused(t) })
	}
}

func clone(r rows) rows {
	c := rows{}
	for name, row := range r {
		c[name] = row
	}
	return c
}

// outerType writes the certification data's type behind signature and key.
func outerType(quote []byte, kind uint16) {
	n, _ := dcap.Size(quote)
	at := n - int(binary.LittleEndian.Uint32(quote[signedSize(quote):])) + 128
	binary.LittleEndian.PutUint16(quote[at:], kind)
}

// signedSize is how much of a quote its signature covers.
func signedSize(quote []byte) int {
	switch {
	case quote[0] == 5:
		return 48 + 6 + int(binary.LittleEndian.Uint32(quote[50:]))
	case quote[4] == dcap.TEETDX:
		return 48 + 584
	}
	return 48 + 384
}

func TestPCKID(t *testing.T) {
	named := func(kind uint16, ppid int) change {
		return after(func(q *issue.Quote) {
			q.CertType = kind
			q.CertData = append(bytes.Repeat([]byte{0xEE}, ppid), "CPUSVN of 16 b..\x0D\x00\x12\x34"...)
			q.UserData = [20]byte{0xD1, 15: 0xD2}
		})
	}
	for kind, ppid := range map[uint16]int{1: 16, 2: 256, 3: 384} {
		s := newScene()
		named(kind, ppid)(s)
		q := must(dcap.ParseQuote(s.play(t).quote))(t)
		id, err := q.PCKID()
		if err != nil || !q.NeedsPCK() || len(id.PPID) != ppid || string(id.CPUSVN[:]) != "CPUSVN of 16 b.." || id.PCESVN != 13 || id.PCEID != [2]byte{0x12, 0x34} || id.QEID != [16]byte{0xD1, 15: 0xD2} {
			t.Errorf("type %d: %+v, %v", kind, id, err)
		}
	}
	for _, wrong := range [][2]int{{1, 15}, {1, 17}, {2, 384}, {3, 256}, {4, 16}, {5, 16}} {
		s := newScene()
		named(uint16(wrong[0]), wrong[1])(s)
		q := must(dcap.ParseQuote(s.play(t).quote))(t)
		if id, err := q.PCKID(); !errors.Is(err, dcap.ErrMalformed) {
			t.Errorf("type %d with %d bytes: %+v, %v", wrong[0], wrong[1], id, err)
		}
	}
	if q := must(dcap.ParseQuote(newScene().play(t).quote))(t); q.NeedsPCK() {
		t.Error("needs a certificate it brings")
	}
}

// TestPCKFromElsewhere verifies a quote that only names its certificate.
func TestPCKFromElsewhere(t *testing.T) {
	s := newScene()
	var chain []byte
	s.quoted = func(q *issue.Quote) { chain, q.CertType, q.CertData = slices.Clone(q.CertData), 3, make([]byte, 404) }
	e := s.play(t)
	q := must(dcap.ParseQuote(e.quote))(t)
	if _, err := q.PCK(); !errors.Is(err, dcap.ErrUnsupported) {
		t.Error(err)
	}
	pck := must(dcap.ParsePCKChain(chain))(t)
	if _, err := dcap.Verify(q, pck, e.collateral, e.root, e.now); err != nil {
		t.Error(err)
	}
}
