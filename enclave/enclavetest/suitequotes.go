package enclavetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

func (s suite) quotes(t *testing.T) {
	quote, err := s.Quote(t.Context(), purpose, []byte("nonce"))
	if err != nil {
		t.Fatal(err)
	}
	s.verifies(t, quote, attest.ReportData(purpose, []byte("nonce")))
	if s.verifier == nil {
		return
	}
	for name, data := range map[string][64]byte{
		"another purpose": attest.ReportData(purpose+"!", []byte("nonce")),
		"another nonce":   attest.ReportData(purpose, []byte("nonc")),
		"nothing":         {},
	} {
		if _, err := s.verifier.Verify(t.Context(), quote, data); !errors.Is(err, attest.ErrForged) {
			t.Errorf("for %s: %v", name, err)
		}
	}
	other := bytes.Clone(quote)
	other[48+64] ^= 1 // its MRENCLAVE
	if _, err := s.verifier.Verify(t.Context(), other, attest.ReportData(purpose, []byte("nonce"))); err == nil {
		t.Error("a changed quote verifies")
	}

	raw := [64]byte{0: 1, 63: 2}
	quote, err = s.RawQuote(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	s.verifies(t, quote, raw)
}

// verifies checks that a quote says who p is.
func (s suite) verifies(t *testing.T, quote []byte, data [64]byte) {
	t.Helper()
	if s.verifier == nil {
		return
	}
	r, err := s.verifier.Verify(t.Context(), quote, data)
	if err != nil {
		t.Error(err)
		return
	}
	if r.Identity != s.Identity() {
		t.Errorf("the quote says %+v, the platform %+v", r.Identity, s.Identity())
	}
}

// quotesAtOnce checks that nobody gets another's quote.
func (s suite) quotesAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			nonce := fmt.Appendf(nil, "nonce %d", i)
			quote, err := s.Quote(t.Context(), purpose, nonce)
			if err != nil {
				t.Error(err)
				return
			}
			s.verifies(t, quote, attest.ReportData(purpose, nonce))
		})
	}
	all.Wait()
}
