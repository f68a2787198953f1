package dcap_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"reflect"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// FuzzParseQuote: what parses re-encodes identically, and its certificates do
// not bring the parser down.
func FuzzParseQuote(f *testing.F) {
	good := newScene().play(f).quote
	f.Add(good)
	f.Add(good[:436])
	f.Add(append(slices.Clone(good), 0))
	for _, format := range formats() {
		s := newScene()
		format(s)
		f.Add(s.play(f).quote)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := dcap.ParseQuote(b)
		if n, ok := dcap.Size(b); err == nil && (!ok || n != len(b)) {
			t.Errorf("says it has %d of %d bytes, %v", n, len(b), ok)
		}
		if err != nil {
			if q != nil {
				t.Error("a quote and an error")
			}
			return
		}
		if !bytes.Equal(q.Append(nil), b) {
			t.Error("encodes differently")
		}
		if pck, err := q.PCK(); (pck == nil) == (err == nil) {
			t.Errorf("%v, %v", pck, err)
		}
		if id, err := q.PCKID(); err == nil && (!q.NeedsPCK() || len(id.PPID)+20 != len(b)-signedEnd(b)) {
			t.Errorf("%+v", id)
		}
	})
}

// FuzzPCKChain puts certificates of the fuzzer's choice in a good quote: what
// verifies says the same of the platform.
func FuzzPCKChain(f *testing.F) {
	e := newScene().play(f)
	want, err := e.verify()
	check(f, err)
	f.Add(e.quote[certificatesAt:])
	f.Add(bytes.TrimRight(e.quote[certificatesAt:], "\x00\n"))
	f.Add(bytes.Join([][]byte{blocks(e.quote[certificatesAt:])[0], e.collateral.TCBInfoChain}, nil))
	f.Fuzz(func(t *testing.T, chain []byte) {
		e := *e
		e.quote = withChain(e.quote, chain)
		if v, err := e.verify(); err == nil && !reflect.DeepEqual(v, want) {
			t.Errorf("%+v", v)
		}
	})
}

// withChain replaces the certificates in a quote of version 3.
func withChain(quote, chain []byte) []byte {
	b := slices.Clone(quote[:certificatesAt])
	binary.LittleEndian.PutUint32(b[432:], uint32(certificatesAt-436+len(chain)))
	binary.LittleEndian.PutUint32(b[certificatesAt-4:], uint32(len(chain)))
	return append(b, chain...)
}

// FuzzTCBInfo signs the fuzzer's TCB info, so that it comes as far as it can.
func FuzzTCBInfo(f *testing.F) {
	s := newScene()
	f.Add(must(s.tcbInfo.Body())(f))
	s.tcbInfo.Levels = append(s.tcbInfo.Levels, s.tcbInfo.Levels...)
	f.Add(must(s.tcbInfo.Body())(f))
	s = newScene()
	v2(same)(s)
	f.Add([]byte(s.editTCB(string(must(s.tcbInfo.Body())(f)))))
	fuzzDocument(f, "tcbInfo", func(c *dcap.Collateral) *[]byte { return &c.TCBInfo })
}

func FuzzQEIdentity(f *testing.F) {
	f.Add(must(newScene().qeIdentity.Body())(f))
	fuzzDocument(f, "enclaveIdentity", func(c *dcap.Collateral) *[]byte { return &c.QEIdentity })
}

// FuzzTDXInfo is FuzzTCBInfo for trust domains.
func FuzzTDXInfo(f *testing.F) {
	s := newScene()
	inTD15(s)
	f.Add(must(s.tcbInfo.Body())(f))
	fuzzDocumentIn(f, inTD15, "tcbInfo", func(c *dcap.Collateral) *[]byte { return &c.TCBInfo })
}

func fuzzDocument(f *testing.F, member string, content func(*dcap.Collateral) *[]byte) {
	fuzzDocumentIn(f, func(*scene) {}, member, content)
}

func fuzzDocumentIn(f *testing.F, base change, member string, content func(*dcap.Collateral) *[]byte) {
	var signing *issue.Entity
	s := newScene()
	base(s)
	s.certified = func(p *people) { signing = p.signing }
	e := s.play(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		e := *e
		*content(&e.collateral) = must(issue.SignDocument(signing, member, body))(t)
		v, err := e.verify()
		if (v == nil) == (err == nil) {
			t.Errorf("%v, %v", v, err)
		}
		if err == nil && (v.TCB.Status < dcap.UpToDate || v.TCB.Status > dcap.RelaunchAdvisedConfigurationNeeded || v.TCB.Date.IsZero() || v.Expires.Before(e.now)) {
			t.Errorf("%+v", v)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}

// FuzzCRL: no list but the signed one, in whatever encoding, is accepted.
func FuzzCRL(f *testing.F) {
	e := newScene().play(f)
	want, err := e.verify()
	check(f, err)
	f.Add(e.collateral.PCKCRL)
	f.Add(pemOf("X509 CRL", e.collateral.PCKCRL))
	f.Add(hex.AppendEncode(nil, e.collateral.PCKCRL))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := *e
		e.collateral.PCKCRL = b
		if v, err := e.verify(); err == nil && !reflect.DeepEqual(v, want) {
			t.Errorf("%+v", v)
		}
	})
}

// FuzzSigningChain: likewise for the certificates of the signer.
func FuzzSigningChain(f *testing.F) {
	e := newScene().play(f)
	want, err := e.verify()
	check(f, err)
	f.Add(e.collateral.TCBInfoChain)
	f.Add(append(slices.Clone(e.collateral.TCBInfoChain), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := *e
		e.collateral.TCBInfoChain = b
		if v, err := e.verify(); err == nil && !reflect.DeepEqual(v, want) {
			t.Errorf("%+v", v)
		}
	})
}

// FuzzVerify has the fuzzer change everything at once: what verifies says what
// the seed says. Inputs are large: -fuzzminimizetime 5x keeps the fuzzer from
// spending its time on making them small.
func FuzzVerify(f *testing.F) {
	fuzzVerify(f, newScene().play(f))
}

func FuzzVerifyTDX(f *testing.F) {
	s := newScene()
	inTD15(s)
	fuzzVerify(f, s.play(f))
}

// FuzzVerifyGenuine is FuzzVerify with genuine evidence.
func FuzzVerifyGenuine(f *testing.F) {
	for _, x := range readVectors(f) {
		if x.Version == 5 && x.Status != noLevel {
			fuzzVerify(f, x.evidence(f))
			return
		}
	}
	f.Fatal("no vector")
}

func fuzzVerify(f *testing.F, e *evidence) {
	want, err := e.verify()
	check(f, err)
	c := e.collateral
	f.Add(e.quote, c.TCBInfo, c.QEIdentity, c.TCBInfoChain, c.RootCRL, c.PCKCRL)
	var m dcap.Memory
	f.Fuzz(func(t *testing.T, quote, tcbInfo, qeIdentity, chain, rootCRL, pckCRL []byte) {
		e := *e
		e.quote = quote
		e.collateral = dcap.Collateral{TCBInfo: tcbInfo, TCBInfoChain: chain, QEIdentity: qeIdentity, QEIdentityChain: chain, RootCRL: rootCRL, PCKCRL: pckCRL}
		v, err := e.verify()
		if (v == nil) == (err == nil) || err == nil && !reflect.DeepEqual(v, want) {
			t.Errorf("%+v, %v", v, err)
		}
		documents, err := dcap.ParseCollateral(e.collateral)
		if err != nil {
			return
		}
		if w, err := e.remembering(&m, documents); !reflect.DeepEqual(v, w) {
			t.Errorf("%+v, but with a memory %+v, %v", v, w, err)
		}
	})
}

// FuzzPCKID: what a quote names reads back as it was written.
func FuzzPCKID(f *testing.F) {
	good := newScene().play(f).quote
	f.Add(uint16(1), make([]byte, 36))
	f.Add(uint16(2), make([]byte, 276))
	f.Add(uint16(3), make([]byte, 404))
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		quote := withChain(good, data)
		binary.LittleEndian.PutUint16(quote[certificatesAt-6:], kind)
		q, err := dcap.ParseQuote(quote)
		if err != nil {
			return
		}
		id, err := q.PCKID()
		b := append(append(slices.Clone(id.PPID), id.CPUSVN[:]...), byte(id.PCESVN), byte(id.PCESVN>>8), id.PCEID[0], id.PCEID[1])
		if err == nil && !bytes.Equal(b, data) {
			t.Errorf("%x is read as %+v", data, id)
		}
	})
}
