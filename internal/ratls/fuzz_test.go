package ratls_test

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

func FuzzDecode(f *testing.F) {
	f.Add(ratls.Encode(make([]byte, 1020), ratls.Claims([]byte("key"))))
	f.Add([]byte("\xd9\xea\x60\x82\x59\x03\xfc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		quote, claims, err := ratls.Decode(b)
		if err == nil && !bytes.Equal(ratls.Encode(quote, claims), b) {
			t.Errorf("%x re-encodes to something else", b)
		}
	})
}

// FuzzClaims compares with another decoder: what is accepted here must mean
// the same there.
func FuzzClaims(f *testing.F) {
	spki := []byte("a public key")
	f.Add(ratls.Claims(spki))
	f.Add(extra(ratls.Claims(spki)))
	f.Add([]byte("\xa1\x61p\x40"))
	strict, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := ratls.Reencode(b)
		if err != nil {
			if ratls.CheckClaims(b, spki) == nil {
				t.Fatalf("%x: claims accepted that do not parse", b)
			}
			return
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x re-encodes to %x", b, again)
		}
		var theirs map[string][]byte
		if err := strict.Unmarshal(b, &theirs); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if ratls.CheckClaims(b, spki) != nil {
			return
		}
		var hash struct {
			_         struct{} `cbor:",toarray"`
			Algorithm int
			Sum       []byte
		}
		if err := strict.Unmarshal(theirs["pubkey-hash"], &hash); err != nil || !bytes.Equal(hash.Sum, sha(bits(hash.Algorithm), spki)) {
			t.Errorf("%x accepted: %v", b, err)
		}
	})
}

func bits(algorithm int) int { return map[int]int{1: 256, 7: 384, 8: 512}[algorithm] }
