package ratls_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// sizedQuote begins as a quote does, and states its size.
func sizedQuote(data [64]byte) []byte {
	quote := fakeQuote(data)
	copy(quote, "\x03\x00\x02\x00")
	copy(quote[12:], "\x93\x9a\x72\x33\xf7\x9c\x4c\xa9\x94\x0a\x0d\xb3\x95\x7f\x06\x07")
	binary.LittleEndian.PutUint32(quote[432:], uint32(len(quote)-436))
	return quote
}

func rsaSPKI(t testing.TB) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return spki
}

// What each dialect hashes, written out.
func TestReportDataOfDialects(t *testing.T) {
	spki := rsaSPKI(t)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0)
	tests := map[ratls.Dialect][]byte{
		ratls.DICE:                ratls.Claims(spki),
		ratls.EGo:                 spki,
		ratls.OpenEnclaveReport:   text,
		ratls.OpenEnclaveEvidence: text,
		ratls.Gramine:             spki,
		ratls.RATSTLS:             spki[24:],
	}
	for _, d := range ratls.Dialects() {
		want := sha256.Sum256(tests[d])
		if got, err := d.ReportData(spki); err != nil || [32]byte(got[:32]) != want || [32]byte(got[32:]) != [32]byte{} {
			t.Errorf("%v: %x, %v", d, got, err)
		}
	}
}

// TestDialects writes each and reads it back, as itself and by no other rule
// than its extension's.
func TestDialects(t *testing.T) {
	_, spki := newKey(t)
	long := rsaSPKI(t)
	for _, d := range ratls.Dialects() {
		key := spki
		if d == ratls.RATSTLS {
			key = long
		}
		t.Run(d.Key(), func(t *testing.T) {
			data, err := d.ReportData(key)
			if err != nil {
				t.Fatal(err)
			}
			e, err := d.Extension(key, sizedQuote(data))
			if err != nil || e.Critical {
				t.Fatal(e.Critical, err)
			}
			cert := &x509.Certificate{Extensions: []pkix.Extension{e}, RawSubjectPublicKeyInfo: key}
			all, err := ratls.Read(cert)
			if err != nil || len(all) != 1 || bound(all) != d.String() || !bytes.Equal(all[0].Quote, sizedQuote(data)) {
				t.Fatalf("%q, %v", bound(all), err)
			}
			for n := range e.Value { // of 4.7 KB: most of the quote is opaque here
				cut := e
				cut.Value = e.Value[:n]
				cert.Extensions[0] = cut
				if all, err := ratls.Read(cert); err == nil && (n < ratls.MinQuoteSize || d != ratls.Gramine && d != ratls.RATSTLS) {
					t.Fatalf("%d bytes are read as %q", n, bound(all))
				}
			}
		})
	}
}

func TestExtensionRefuses(t *testing.T) {
	_, spki := newKey(t)
	for _, d := range ratls.Dialects() {
		for name, quote := range map[string][]byte{"none": nil, "1019 bytes": make([]byte, 1019), "16385 bytes": make([]byte, 16385)} {
			if e, err := d.Extension(spki, quote); err == nil || e.Value != nil {
				t.Errorf("%v, %s: %v", d, name, err)
			}
		}
	}
	if _, err := ratls.RATSTLS.ReportData(spki); !errors.Is(err, ratls.ErrUnbound) {
		t.Errorf("rats-tls of a P-256 key: %v", err)
	}
	for name, d := range map[string]ratls.Dialect{"zero": 0, "unknown": 99} {
		if _, err := d.Extension(spki, sizedQuote([64]byte{})); err == nil || d.Key() != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRSAKeyIsReadStrictly(t *testing.T) {
	good := rsaSPKI(t)
	if _, err := ratls.RATSTLS.ReportData(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := ratls.RATSTLS.ReportData(good[:n]); err != ratls.ErrNotRSA {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := ratls.RATSTLS.ReportData(append(bytes.Clone(good), 0)); err != ratls.ErrNotRSA {
		t.Error(err)
	}
	pss := bytes.Replace(good, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), 1)
	if _, err := ratls.RATSTLS.ReportData(pss); err != ratls.ErrNotRSA || bytes.Equal(pss, good) {
		t.Errorf("RSASSA-PSS: %v", err)
	}
	for _, public := range []crypto.PublicKey{new(big.Int), ed25519.PublicKey(make([]byte, 32))} {
		if spki, err := x509.MarshalPKIXPublicKey(public); err == nil {
			if _, err := ratls.RATSTLS.ReportData(spki); err != ratls.ErrNotRSA {
				t.Errorf("%T: %v", public, err)
			}
		}
	}
}

func TestOpenEnclaveEvidence(t *testing.T) {
	key, spki := newKey(t)
	other, otherSPKI := newKey(t)
	data, _ := ratls.OpenEnclaveEvidence.ReportData(spki)
	good, err := ratls.OpenEnclaveEvidence.Extension(spki, sizedQuote(data))
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0)
	value := func(format oe.Format, p ...any) pkix.Extension {
		return pkix.Extension{Id: good.Id, Value: oe.Evidence(format, parts(p...))}
	}
	quote := sizedQuote(data)
	tests := map[string]struct {
		key       *ecdsa.PrivateKey
		extension pkix.Extension
		want      error
	}{
		"honest":               {key, good, nil},
		"written out":          {key, value(oe.FormatECDSA, quote, text), nil},
		"another's key":        {other, good, ratls.ErrOEClaims},
		"without claims":       {key, value(oe.FormatECDSA, quote), ratls.ErrOEClaims},
		"claims without zero":  {key, value(oe.FormatECDSA, quote, text[:len(text)-1]), ratls.ErrOEClaims},
		"claims with two":      {key, value(oe.FormatECDSA, quote, text, "\x00"), ratls.ErrOEClaims},
		"claims are DER":       {key, value(oe.FormatECDSA, quote, spki), ratls.ErrOEClaims},
		"claims of another":    {key, value(oe.FormatECDSA, quote, append(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: otherSPKI}), 0)), ratls.ErrOEClaims},
		"raw quote":            {key, value(oe.FormatRawQuote, quote), ratls.ErrOE},
		"raw quote and claims": {key, value(oe.FormatRawQuote, quote, text), ratls.ErrOE},
		"no quote":             {key, value(oe.FormatECDSA, text), ratls.ErrOE},
		"a header in a header": {key, value(oe.FormatECDSA, good.Value), ratls.ErrOE},
		"a report":             {key, pkix.Extension{Id: good.Id, Value: oe.Report(quote, true)}, ratls.ErrOE},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := check(newCertificate(t, test.key, test.extension)); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// Curves have keys of other sizes, and the hash is of all of them.
func TestKeysOfAllKinds(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []ratls.Dialect{ratls.DICE, ratls.EGo, ratls.OpenEnclaveReport, ratls.OpenEnclaveEvidence, ratls.Gramine} {
			data, err := d.ReportData(spki)
			if err != nil {
				t.Fatal(err)
			}
			e, err := d.Extension(spki, sizedQuote(data))
			if err != nil {
				t.Fatal(err)
			}
			if err := check(newCertificate(t, key, e)); err != nil {
				t.Errorf("%v, %d bits: %v", d, curve.Params().BitSize, err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	_, spki := newKey(f)
	for i, d := range ratls.Dialects() {
		data, _ := d.ReportData(spki)
		e, err := d.Extension(spki, sizedQuote(data))
		if err == nil {
			f.Add(uint8(i), e.Value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		d := ratls.Dialects()[int(which)%len(ratls.Dialects())]
		data, _ := d.ReportData(spki)
		example, err := d.Extension(spki, sizedQuote(data))
		if err != nil {
			return
		}
		example.Value = value
		all, err := ratls.Read(&x509.Certificate{Extensions: []pkix.Extension{example}, RawSubjectPublicKeyInfo: spki})
		if err != nil {
			return
		}
		if d == ratls.DICE { // whose claims may say more
			return
		}
		if again, err := d.Extension(spki, all[0].Quote); err != nil || !bytes.Equal(again.Value, value) {
			t.Errorf("%v: %x is written otherwise: %v", d, value, err)
		}
	})
}
