package ratls_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/internal/ratls"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// reportDataAt is where a quote has its report data: behind the header and
// all of the report body but its end.
const reportDataAt = 48 + 320

func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}

	// The enclave, for clients of two kinds: one quote for each.
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	for _, d := range []ratls.Dialect{ratls.DICE, ratls.EGo} {
		data, err := d.ReportData(spki)
		if err != nil {
			panic(err)
		}
		extension, err := d.Extension(spki, fakeQuote(data))
		if err != nil {
			panic(err)
		}
		template.ExtraExtensions = append(template.ExtraExtensions, extension)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}

	// The verifier.
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	all, err := ratls.Read(cert)
	if err != nil {
		panic(err)
	}
	for _, e := range all {
		for _, b := range e.Bindings {
			fmt.Println(e.OID, b.Dialect, bytes.Equal(e.Quote[reportDataAt:][:64], b.Data[:]))
		}
	}
	// Output:
	// 2.23.133.5.4.9 TCG DICE / CCC true
	// 1.3.6.1.4.1.311.105.1 EGo true
	// 1.3.6.1.4.1.311.105.1 Open Enclave report false
}

var errReportData = errors.New("the quote is not for these claims")

// check is what a verifier does around the verification of the quotes.
func check(cert *x509.Certificate) error {
	all, err := ratls.Read(cert)
	if err != nil {
		return err
	}
	for _, e := range all {
		if !slices.ContainsFunc(e.Bindings, func(b ratls.Binding) bool { return bytes.Equal(e.Quote[reportDataAt:][:64], b.Data[:]) }) {
			return errReportData
		}
	}
	return nil
}

// withClaims is an extension whose claims may be any.
func withClaims(quote, claims []byte) pkix.Extension {
	return pkix.Extension{Id: ratls.OID(), Value: ratls.Encode(quote, claims)}
}

func fakeQuote(data [64]byte) []byte {
	quote := make([]byte, 4700)
	copy(quote[reportDataAt:], data[:])
	return quote
}

func newKey(t testing.TB) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key, spki
}

func newCertificate(t testing.TB, key *ecdsa.PrivateKey, extensions ...pkix.Extension) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), ExtraExtensions: extensions}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestClaimsAreCanonical(t *testing.T) {
	_, spki := newKey(t)
	hash := sha256.Sum256(spki)
	want := append([]byte("\xa1\x6bpubkey-hash\x58\x24\x82\x01\x58\x20"), hash[:]...)
	if got := ratls.Claims(spki); !bytes.Equal(got, want) {
		t.Errorf("claims\n%x, want\n%x", got, want)
	}
	value := ratls.Encode(make([]byte, 0x1234), make([]byte, 51))
	if head := []byte("\xd9\xea\x60\x82\x59\x12\x34"); !bytes.HasPrefix(value, head) || !bytes.Equal(value[len(head)+0x1234:][:2], []byte("\x58\x33")) {
		t.Errorf("evidence begins %x", value[:8])
	}
}

func TestReportDataEndsInZeros(t *testing.T) {
	data := ratls.ReportData([]byte("claims"))
	if sum := sha256.Sum256([]byte("claims")); [32]byte(data[:32]) != sum || [32]byte(data[32:]) != [32]byte{} {
		t.Errorf("report data %x", data)
	}
}

// TestBinding has the attacks on the tie between the key, the claims and the
// quote.
func TestBinding(t *testing.T) {
	key, spki := newKey(t)
	other, otherSPKI := newKey(t)
	claims := ratls.Claims(spki)
	data := ratls.ReportData(claims)
	tail, flipped := data, data
	tail[63] = 1
	flipped[0] ^= 1
	critical := withClaims(fakeQuote(data), claims)
	critical.Critical = true

	tests := map[string]struct {
		cert *x509.Certificate
		want error
	}{
		"honest":                      {newCertificate(t, key, withClaims(fakeQuote(data), claims)), nil},
		"critical":                    {newCertificate(t, key, critical), nil},
		"evidence of another key":     {newCertificate(t, other, withClaims(fakeQuote(data), claims)), ratls.ErrKey},
		"own claims, another's quote": {newCertificate(t, other, withClaims(fakeQuote(data), ratls.Claims(otherSPKI))), errReportData},
		"report data zero":            {newCertificate(t, key, withClaims(fakeQuote([64]byte{}), claims)), errReportData},
		"report data flipped":         {newCertificate(t, key, withClaims(fakeQuote(flipped), claims)), errReportData},
		"report data with a tail":     {newCertificate(t, key, withClaims(fakeQuote(tail), claims)), errReportData},
		"report data of the SPKI":     {newCertificate(t, key, withClaims(fakeQuote(ratls.ReportData(spki)), claims)), errReportData},
		"claims added after quoting":  {newCertificate(t, key, withClaims(fakeQuote(data), extra(claims))), errReportData},
		"claims added before":         {newCertificate(t, key, withClaims(fakeQuote(ratls.ReportData(extra(claims))), extra(claims))), nil},
		"no evidence":                 {newCertificate(t, key), ratls.ErrNone},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := check(test.cert); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// extra adds one claim to a map of one.
func extra(claims []byte) []byte {
	return append(append([]byte{0xa2}, claims[1:]...), "\x65nonce\x43abc"...)
}

func TestGenuineCertificates(t *testing.T) {
	for _, name := range []string{"gramine-cert.pem", "rats-tls-cert.pem"} {
		t.Run(name, func(t *testing.T) {
			block, _ := pem.Decode(vectors.Read(t, "certs", "ccc-interop", name))
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(cert); err != nil {
				t.Fatal(err)
			}
			value := extension(t, cert, ratls.OID()).Value
			quote, claims, err := ratls.Decode(value)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ratls.Encode(quote, claims), value) {
				t.Error("evidence re-encodes to something else")
			}
			if again, err := ratls.Reencode(claims); err != nil || !bytes.Equal(again, claims) {
				t.Errorf("claims re-encode to %x (%v)", again, err)
			}
			everyTruncation(t, value, claims)
		})
	}
}

func extension(t testing.TB, cert *x509.Certificate, id asn1.ObjectIdentifier) pkix.Extension {
	t.Helper()
	for _, e := range cert.Extensions {
		if e.Id.Equal(id) {
			return e
		}
	}
	t.Fatalf("no extension %v", id)
	return pkix.Extension{}
}

func everyTruncation(t *testing.T, value, claims []byte) {
	t.Helper()
	for n := range value {
		if _, _, err := ratls.Decode(value[:n]); err != ratls.ErrEvidence {
			t.Fatalf("%d of %d bytes of evidence: %v", n, len(value), err)
		}
	}
	for n := range claims {
		if err := ratls.CheckClaims(claims[:n], nil); err != ratls.ErrClaims {
			t.Fatalf("%d of %d bytes of claims: %v", n, len(claims), err)
		}
	}
}

func TestTruncation(t *testing.T) {
	_, spki := newKey(t)
	claims := ratls.Claims(spki)
	everyTruncation(t, ratls.Encode(fakeQuote(ratls.ReportData(claims)), claims), claims)
}
