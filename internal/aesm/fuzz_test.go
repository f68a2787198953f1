package aesm_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cleave-sdk/cleave/internal/aesm"
)

// Whatever decodes as a request is answered with something that decodes, and
// is the same once it has been encoded.
func FuzzRequest(f *testing.F) {
	for _, e := range everyExchange {
		f.Add(wire(f, e.request)[4:])
	}
	s := &aesm.Server{QuotingEnclave: newEnclave()}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := aesm.DecodeRequest(b)
		if err != nil {
			return
		}
		again, err := aesm.DecodeRequest(aesm.Framed(m)[4:])
		if err != nil || !proto.Equal(m, again) {
			t.Errorf("encoded, it is another: %v", err)
		}
		if _, err := aesm.DecodeResponse(aesm.Framed(s.Answer(m))[4:]); err != nil {
			t.Errorf("answered with what is no answer: %v", err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, e := range everyExchange {
		f.Add(wire(f, e.response)[4:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := aesm.DecodeResponse(b)
		if err != nil {
			return
		}
		again, err := aesm.DecodeResponse(aesm.Framed(m)[4:])
		if err != nil || !proto.Equal(m, again) {
			t.Errorf("encoded, it is another: %v", err)
		}
		if quote, ok := aesm.Trim(m.GetQuote().GetQuote()); ok && !bytes.HasPrefix(m.Quote.Quote, quote) {
			t.Error("trimmed to something else")
		}
	})
}
