package dcap_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// Single-bit changes of genuine evidence: a sample of them, or with
//
//	CLEAVE_EXHAUSTIVE=1 go test ./internal/dcap -run Genuine -v -timeout 30m
//
// every one.

// flips calls f for the bits of n bytes: all, or one in stride of them.
func flips(n, stride int, f func(i int, bit byte)) {
	if os.Getenv("CLEAVE_EXHAUSTIVE") != "" {
		stride = 1
	}
	for i := 0; i < 8*n; i += stride {
		f(i/8, 1<<(i%8))
	}
}

// genuine is one vector for each format that has some, judged at a level.
func genuine(t *testing.T) map[string]vector {
	t.Helper()
	one := map[string]vector{}
	for _, x := range readVectors(t) {
		name := x.TEE + " " + string('0'+rune(x.Version))
		if _, ok := one[name]; !ok && x.Status != noLevel && strings.Contains(x.Quote, "_ct5_") {
			one[name] = x
		}
	}
	if len(one) != 3 {
		t.Fatalf("%d formats", len(one))
	}
	return one
}

// signedEnd is where the certificates of a quote begin: what is before is
// signed, or a length, or says what follows.
func signedEnd(quote []byte) int {
	at := signedSize(quote) + 4 + 64 + 64
	if quote[0] > 3 {
		at += 6
	}
	at += 384 + 64
	return at + 2 + int(binary.LittleEndian.Uint16(quote[at:])) + 6
}

// TestFlippedGenuineQuotes: each changed bit of what is signed, and of each
// length, is refused.
func TestFlippedGenuineQuotes(t *testing.T) {
	for name, x := range genuine(t) {
		e := x.evidence(t)
		var m dcap.Memory
		documents := must(dcap.ParseCollateral(e.collateral))(t)
		if v, err := e.remembering(&m, documents); !x.agrees(judged(v, err)) {
			t.Fatal(err)
		}
		refused := 0
		flips(signedEnd(e.quote), 7, func(i int, bit byte) {
			e.quote[i] ^= bit
			if v, err := e.remembering(&m, documents); err == nil || v != nil {
				t.Errorf("%s: byte %d, bit %#x", name, i, bit)
			}
			e.quote[i] ^= bit
			refused++
		})
		t.Logf("%s (%s): %d single-bit changes of %d bytes refused", name, path.Base(x.Quote), refused, signedEnd(e.quote))
	}
}

// TestFlippedGenuineCertificates: a changed bit of a certificate is refused,
// or changes nothing but white space around the PEM's lines.
func TestFlippedGenuineCertificates(t *testing.T) {
	for name, x := range genuine(t) {
		e := x.evidence(t)
		documents := must(dcap.ParseCollateral(e.collateral))(t)
		want := must(e.remembering(new(dcap.Memory), documents))(t)
		start := signedEnd(e.quote)
		refused, unchanged := 0, 0
		flips(len(e.quote)-start, 67, func(i int, bit byte) {
			i += start
			old := e.quote[i]
			e.quote[i] ^= bit
			v, err := e.remembering(new(dcap.Memory), documents)
			switch {
			case err != nil:
				refused++
			case bytes.IndexByte([]byte("\n\x00"), old) >= 0 && reflect.DeepEqual(v, want):
				unchanged++
			default:
				t.Errorf("%s: byte %d, bit %#x of %q: %+v", name, i, bit, old, v)
			}
			e.quote[i] ^= bit
		})
		t.Logf("%s: %d single-bit changes of certificates refused, %d only of white space", name, refused, unchanged)
	}
}

// TestFlippedGenuineCollateral: the same at the bits of every document.
func TestFlippedGenuineCollateral(t *testing.T) {
	for name, x := range genuine(t) {
		e := x.evidence(t)
		q := must(dcap.ParseQuote(e.quote))(t)
		pck := must(q.PCK())(t)
		c := &e.collateral
		c.TCBInfoChain = slices.Clone(c.TCBInfoChain)
		want := must(dcap.Verify(q, pck, *c, e.root, e.now))(t)
		for what, content := range map[string]*[]byte{
			"TCB info": &c.TCBInfo, "QE identity": &c.QEIdentity, "root CA list": &c.RootCRL, "PCK list": &c.PCKCRL, "signing chain": &c.TCBInfoChain,
		} {
			refused, same := 0, 0
			flips(len(*content), max(8*len(*content)/150, 1)|1, func(i int, bit byte) {
				old := (*content)[i]
				(*content)[i] ^= bit
				v, err := dcap.Verify(q, pck, *c, e.root, e.now)
				switch {
				case err != nil:
					refused++
				case unsigned(what, *content, i, bit) && reflect.DeepEqual(v, want):
					same++
				default:
					t.Errorf("%s, %s: byte %d, bit %#x of %q: %+v", name, what, i, bit, old, v)
				}
				(*content)[i] ^= bit
			})
			t.Logf("%s: %d single-bit changes of the %s (%d bytes) refused, %d of what is not signed", name, refused, what, len(*content), same)
		}
	}
}

// unsigned reports whether a change of a byte, by this bit, may go unnoticed:
// of white space between lines, and of the case of a digit of the signature.
func unsigned(what string, changed []byte, i int, bit byte) bool {
	old := changed[i] ^ bit
	space := old == '\r' || old == '\n'
	switch what {
	case "TCB info", "QE identity":
		digit := bit == 'a'-'A' && strings.IndexByte("abcdefABCDEF", old) >= 0
		return (digit || space) && i > bytes.LastIndex(changed, []byte(`"signature"`))
	case "signing chain":
		return space
	}
	return false
}
