package dcap_test

import (
	"bytes"
	"crypto/ecdsa"
	"testing"
	"unicode"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// Where a quote with 32 bytes of authentication data has its certificates.
const certificatesAt = 432 + 4 + 64 + 64 + 384 + 64 + 2 + 32 + 2 + 4

// TestFlippedBits flips every bit of a quote in front of its certificates:
// header, body, signatures, keys, the quoting enclave's report, and lengths.
func TestFlippedBits(t *testing.T) {
	e := newScene().play(t)
	good, err := dcap.ParseQuote(e.quote)
	check(t, err)
	chain, err := good.PCK()
	check(t, err)
	key := chain.Leaf.PublicKey.(*ecdsa.PublicKey)
	check(t, good.CheckSignatures(key))

	refused := 0
	for i := range certificatesAt {
		for bit := range 8 {
			b := bytes.Clone(e.quote)
			b[i] ^= 1 << bit
			if q, err := dcap.ParseQuote(b); err == nil {
				if _, err := q.PCK(); err == nil && q.CheckSignatures(key) == nil {
					t.Errorf("byte %d, bit %d", i, bit)
				}
			}
			refused++
		}
	}
	t.Logf("%d single-bit changes refused", refused)
}

// TestFlippedCertificates flips bits of the certificates: refused, or only
// the white space of the PEM that nothing rests on.
func TestFlippedCertificates(t *testing.T) {
	e := newScene().play(t)
	want, err := e.verify()
	check(t, err)
	refused, unchanged := 0, 0
	for i := certificatesAt; i < len(e.quote); i++ {
		bit := byte(1) << (i % 8)
		e.quote[i] ^= bit
		v, err := e.verify()
		switch {
		case err != nil:
			refused++
		case v.Platform == want.Platform && v.Body == want.Body && v.Root == want.Root:
			unchanged++
		default:
			t.Errorf("byte %d: %+v", i, v)
		}
		e.quote[i] ^= bit
	}
	t.Logf("%d refused, %d unchanged", refused, unchanged)
	if unchanged > 150 { // the newlines of 3 certificates
		t.Errorf("%d changes are not noticed", unchanged)
	}
}

// TestFlippedCollateral flips one bit of every byte of everything else.
func TestFlippedCollateral(t *testing.T) {
	e := newScene().play(t)
	c := &e.collateral
	for name, content := range map[string]*[]byte{"TCB info": &c.TCBInfo, "QE identity": &c.QEIdentity, "root CA list": &c.RootCRL, "PCK list": &c.PCKCRL} {
		for i := range *content {
			bit := byte(1) << (i % 8)
			(*content)[i] ^= bit
			_, err := e.verify()
			if upper := bit == 'a'-'A' && unicode.IsLetter(rune((*content)[i])); err == nil && !upper { // a digit of the signature
				t.Errorf("%s, byte %d, bit %#x", name, i, bit)
			}
			(*content)[i] ^= bit
		}
	}
}
