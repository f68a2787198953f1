package attest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// claimed is the report data of a quote that is made for claims.
func claimed(claims string) (data [64]byte) {
	h := sha256.Sum256([]byte(claims))
	copy(data[:], h[:])
	return data
}

func TestOpenEnclaveEvidence(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	bare, bound := [64]byte{1}, claimed("claims")
	quote := func(data [64]byte) []byte { return m.quote(t, enclave("friend"), data) }
	evidence := func(f oe.Format, parts ...[]byte) []byte { return oe.Evidence(f, slices.Concat(parts...)) }
	changed := bound
	changed[32] = 1
	tests := map[string]struct {
		in   []byte
		data [64]byte
		want error
	}{
		"quote alone":                    {evidence(oe.FormatECDSA, quote(bare)), bare, nil},
		"quote with claims":              {evidence(oe.FormatECDSA, quote(bound), []byte("claims")), bound, nil},
		"raw quote":                      {evidence(oe.FormatRawQuote, quote(bare)), bare, nil},
		"claims of something else":       {evidence(oe.FormatECDSA, quote(bound), []byte("clams!")), bound, attest.ErrForged},
		"claims longer":                  {evidence(oe.FormatECDSA, quote(bound), []byte("claims+")), bound, attest.ErrForged},
		"claims where none are bound":    {evidence(oe.FormatECDSA, quote(bare), []byte("claims")), bare, attest.ErrForged},
		"claims and byte 32":             {evidence(oe.FormatECDSA, quote(changed), []byte("claims")), changed, attest.ErrForged},
		"claims behind a raw quote":      {evidence(oe.FormatRawQuote, quote(bound), []byte("claims")), bound, attest.ErrMalformed},
		"another format":                 {evidence(oe.Format{1}, quote(bare)), bare, attest.ErrUnsupported},
		"quote cut off":                  {evidence(oe.FormatECDSA, quote(bare)[:2000]), bare, attest.ErrMalformed},
		"trailing byte":                  {append(evidence(oe.FormatRawQuote, quote(bare)), 0), bare, attest.ErrMalformed},
		"evidence in evidence":           {evidence(oe.FormatRawQuote, evidence(oe.FormatRawQuote, quote(bare))), bare, attest.ErrMalformed},
		"report in evidence":             {evidence(oe.FormatECDSA, oe.Report(quote(bare), true)), bare, attest.ErrMalformed},
		"other data than the caller has": {evidence(oe.FormatECDSA, quote(bound), []byte("claims")), bare, attest.ErrForged},
	}
	for name, test := range tests {
		r, err := v.Verify(t.Context(), test.in, test.data)
		if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
			t.Errorf("%s: %+v, %v; want %v", name, r, err, test.want)
		}
	}
}

func TestZeroPadding(t *testing.T) {
	m := newMachine(t)
	data := [64]byte{1}
	quote := m.quote(t, enclave("friend"), data)
	zeros := func(n int) []byte { return append(bytes.Clone(quote), make([]byte, n)...) }
	tests := map[string]struct {
		in             []byte
		strict, padded error
	}{
		"none":                {quote, nil, nil},
		"one zero":            {zeros(1), attest.ErrMalformed, nil},
		"8000 bytes":          {zeros(8000 - len(quote)), attest.ErrMalformed, nil},
		"within a header":     {oe.Report(zeros(100), true), attest.ErrMalformed, nil},
		"behind a header":     {append(oe.Report(quote, true), 0), attest.ErrMalformed, attest.ErrMalformed},
		"a one":               {append(zeros(10), 1), attest.ErrMalformed, attest.ErrMalformed},
		"a one in the middle": {append(append(zeros(10), 1), 0), attest.ErrMalformed, attest.ErrMalformed},
		"64 KiB":              {zeros(64 << 10), attest.ErrMalformed, nil},
		"only zeros":          {make([]byte, 8000), attest.ErrMalformed, attest.ErrMalformed},
	}
	for name, test := range tests {
		for allowed, want := range map[bool]error{false: test.strict, true: test.padded} {
			v := m.verifier(t, "friend")
			v.AllowZeroPadding = allowed
			r, err := v.Verify(t.Context(), test.in, data)
			if !errors.Is(err, want) || (r == nil) == (err == nil) {
				t.Errorf("%s, allowed %v: %+v, %v; want %v", name, allowed, r, err, want)
			}
		}
	}
}

// A pckSource has one chain, and remembers for what it was asked.
type pckSource struct {
	chain []byte
	err   error
	asked attest.PCKID
}

func (s *pckSource) PCK(_ context.Context, id attest.PCKID) ([]byte, error) {
	s.asked = id
	return s.chain, s.err
}

func TestPCKSource(t *testing.T) {
	m, other := newMachine(t), newMachine(t)
	body := enclave("friend")
	q := issue.NewQuote(&body, &m.qe)
	q.CertType = 1
	q.CertData = []byte("PPID in 16 bytesCPUSVN of 16 b..\x0D\x00\x12\x34")
	q.UserData = [20]byte{0xD1, 15: 0xD2}
	quote := m.sign(t, q)
	short := m.sign(t, func() *issue.Quote { q := *q; q.CertData = q.CertData[1:]; return &q }())
	good := func() *pckSource { return &pckSource{chain: issue.PEM(m.authority.PCKChain(m.pck)...)} }
	offline := errors.New("the database is on fire")

	tests := map[string]struct {
		quote  []byte
		source attest.PCKSource
		want   error
	}{
		"found":             {quote, good(), nil},
		"no source":         {quote, nil, attest.ErrUnsupported},
		"another machine's": {quote, &pckSource{chain: issue.PEM(other.authority.PCKChain(other.pck)...)}, attest.ErrForged},
		"nothing":           {quote, &pckSource{}, attest.ErrCollateral},
		"garbage":           {quote, &pckSource{chain: []byte("<html>")}, attest.ErrCollateral},
		"only the leaf":     {quote, &pckSource{chain: issue.PEM(m.pck.Certificate)}, attest.ErrCollateral},
		"source that fails": {quote, &pckSource{err: offline}, offline},
		"name cut off":      {short, good(), attest.ErrMalformed},
		"not needed":        {m.quote(t, body, [64]byte{}), &pckSource{err: offline}, nil},
	}
	for name, test := range tests {
		v := m.verifier(t, "friend")
		v.PCK = test.source
		r, err := v.Verify(t.Context(), test.quote, [64]byte{})
		if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
			t.Errorf("%s: %+v, %v; want %v", name, r, err, test.want)
		}
	}
	source := good()
	v := m.verifier(t, "friend")
	v.PCK = source
	_, err := v.Verify(t.Context(), quote, [64]byte{})
	check(t, err)
	if id := source.asked; string(id.PPID) != "PPID in 16 bytes" || string(id.CPUSVN[:]) != "CPUSVN of 16 b.." || id.PCESVN != 13 || id.PCEID != [2]byte{0x12, 0x34} || id.QEID != [16]byte{0xD1, 15: 0xD2} {
		t.Errorf("asked for %+v", id)
	}
	parsed, err := attest.ParseQuote(quote)
	check(t, err)
	if _, _, err := parsed.Origin(); !errors.Is(err, attest.ErrUnsupported) || parsed.Measurement != body.MRENCLAVE {
		t.Errorf("%+v, %v", parsed, err)
	}
}

// TestVersions verifies enclaves' quotes of the versions that nobody has
// genuine ones of.
func TestVersions(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	body := enclave("friend")
	for _, version := range []uint16{3, 4, 5} {
		q := issue.NewQuote(&body, &m.qe, m.authority.PCKChain(m.pck)...)
		q.Version = version
		quote := m.sign(t, q)
		r, err := v.Verify(t.Context(), quote, [64]byte{})
		if err != nil || r.Measurement != body.MRENCLAVE {
			t.Errorf("version %d: %+v, %v", version, r, err)
		}
		if p, err := attest.ParseQuote(quote); err != nil || p.Version != version {
			t.Errorf("version %d: %+v, %v", version, p, err)
		}
	}
}

// TestTrustDomainIsNoEnclave: each has its own way in.
func TestTrustDomainIsNoEnclave(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	td, sgx := m.tdQuote(t, [64]byte{9}), m.quote(t, enclave("friend"), [64]byte{9})
	for name, f := range map[string]func() error{
		"Authenticate":   func() error { _, err := v.Authenticate(t.Context(), td); return err },
		"Verify":         func() error { _, err := v.Verify(t.Context(), td, [64]byte{9}); return err },
		"ParseQuote":     func() error { _, err := attest.ParseQuote(td); return err },
		"AuthenticateTD": func() error { _, err := v.AuthenticateTD(t.Context(), sgx); return err },
	} {
		if err := f(); !errors.Is(err, attest.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.AuthenticateTD(t.Context(), td); !errors.Is(err, attest.ErrCollateral) {
		t.Errorf("a trust domain judged by the collateral of enclaves: %v", err)
	}
	v.Collateral = m.tdCollateral(t)
	r, err := v.AuthenticateTD(t.Context(), td)
	if err != nil || r.Data != [64]byte{9} || r.MRTD != [48]byte{0x7D} || r.TCB.Status != attest.UpToDate || r.TCB.Module.Status != attest.UpToDate {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestCollateralReplaced puts other documents in the place of those that were
// parsed, which nobody should.
func TestCollateralReplaced(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	quote := m.quote(t, enclave("friend"), [64]byte{})
	c := m.collateral(t)
	v.Collateral = c
	authenticate(t, v, quote)
	authenticate(t, v, quote)
	*c = *newMachine(t).collateral(t)
	if r, err := v.Authenticate(t.Context(), quote); !errors.Is(err, attest.ErrCollateral) || r != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
