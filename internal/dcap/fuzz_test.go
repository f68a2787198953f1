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
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := dcap.ParseQuote(b)
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
		e.quote = slices.Clone(e.quote[:certificatesAt])
		binary.LittleEndian.PutUint32(e.quote[432:], uint32(certificatesAt-436+len(chain)))
		binary.LittleEndian.PutUint32(e.quote[certificatesAt-4:], uint32(len(chain)))
		e.quote = append(e.quote, chain...)
		if v, err := e.verify(); err == nil && !reflect.DeepEqual(v, want) {
			t.Errorf("%+v", v)
		}
	})
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

func fuzzDocument(f *testing.F, member string, content func(*dcap.Collateral) *[]byte) {
	var signing *issue.Entity
	s := newScene()
	s.certified = func(p *people) { signing = p.signing }
	e := s.play(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		e := *e
		*content(&e.collateral) = must(issue.SignDocument(signing, member, body))(t)
		v, err := e.verify()
		if (v == nil) == (err == nil) {
			t.Errorf("%v, %v", v, err)
		}
		if err == nil && (v.TCB.Status < dcap.UpToDate || v.TCB.Status > dcap.Revoked || v.TCB.Date.IsZero() || v.Expires.Before(e.now)) {
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
