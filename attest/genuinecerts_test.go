package attest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// TestGenuineCertificates takes the quotes out of attested certificates of all
// kinds, and judges each with all collateral there is for its platform.
func TestGenuineCertificates(t *testing.T) {
	tests := map[string]error{
		"openenclave/maa_cplarryoattestationaad_1f1f33f9.der": nil,
		"openenclave/maa_cplarryoattestationaad_9ca2b756.der": nil,
		"openenclave/maa_cplarryoattestationiso_a640f577.der": nil,
		"openenclave/maa_sharedwus_6ead1196.der":              nil,
		"openenclave/maa_sharedwus_c6dae003.der":              nil,
		"openenclave/sgx_cert_ec_bad.der":                     attest.ErrMalformed,
		"openenclave/sgx_cert_rsa_bad.der":                    attest.ErrMalformed,
		"ccc-interop/gramine-cert.pem":                        nil,
		"ccc-interop/rats-tls-cert.pem":                       nil,
		"rats-tls/rats-tls-cert-sample.pem":                   nil,
		"sgx-ra-tls/ecdsa-ratls.der":                          attest.ErrUnsupported,
		"sgx-ra-tls/quote-ppid-clear.dat":                     attest.ErrUnsupported,
		"sgx-ra-tls/quote-ppid-rsa3072.dat":                   attest.ErrUnsupported,
	}
	for name, want := range tests {
		b := vectors.Read(t, "certs", name)
		if block, _ := pem.Decode(b); strings.HasSuffix(name, ".pem") {
			b = block.Bytes
		}
		quotes := quotesIn(b)
		if len(quotes) == 0 {
			t.Errorf("%s: no quote", name)
		}
		for _, quote := range quotes {
			if err := judgedByAny(t, quote); !errors.Is(err, want) {
				t.Errorf("%s: %v; want %v", name, err, want)
			}
		}
	}
}

// quotesIn finds quotes of version 3 by their vendor.
func quotesIn(b []byte) (quotes [][]byte) {
	vendor := []byte{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07}
	for {
		at := bytes.Index(b, vendor) - 12
		if at < 0 {
			return quotes
		}
		n, ok := dcap.Size(b[at:])
		if !ok {
			n = min(len(b)-at, 436+int(binary.LittleEndian.Uint32(b[at+432:])))
		}
		quotes = append(quotes, b[at:at+n])
		b = b[at+28:]
	}
}

// judgedByAny is nil if any collateral says that the quote is genuine, and the
// refusal if none does.
func judgedByAny(t *testing.T, quote []byte) (err error) {
	t.Helper()
	seen := map[string]bool{}
	for _, x := range readVectors(t) {
		if x.TEE != "sgx" || seen[x.Collateral] {
			continue
		}
		seen[x.Collateral] = true
		v := &attest.Verifier{Collateral: attest.Dir(filepath.Join(vectors.Dir(t), x.Collateral)), Time: at(time.Unix(x.Unix, 0))}
		_, refusal := v.Authenticate(t.Context(), quote)
		if refusal == nil {
			return nil
		}
		if err == nil || !strings.Contains(refusal.Error(), "MISMATCH") {
			err = refusal
		}
	}
	return err
}

// TestGenuineCertificatesVerified verifies whole certificates of others at a
// time when everything about them was valid: the key, the binding, the frame and
// the quote. Each is accepted in its own dialect, and in no other.
func TestGenuineCertificatesVerified(t *testing.T) {
	const never = attest.Dialect(0)
	azure := "openenclave/maa_"
	tests := map[string]struct {
		is   attest.Dialect
		want error // where all dialects are accepted
	}{
		"ccc-interop/gramine-cert.pem":                {attest.DICE, nil}, // has both of Gramine's
		"ccc-interop/rats-tls-cert.pem":               {attest.DICE, nil},
		azure + "cplarryoattestationaad_1f1f33f9.der": {attest.OpenEnclaveReport, nil},
		azure + "cplarryoattestationaad_9ca2b756.der": {attest.OpenEnclaveReport, nil},
		azure + "cplarryoattestationiso_a640f577.der": {attest.OpenEnclaveReport, nil},
		azure + "sharedwus_6ead1196.der":              {attest.OpenEnclaveReport, nil},
		azure + "sharedwus_c6dae003.der":              {attest.OpenEnclaveReport, nil},
		"openenclave/sgx_cert_ec_bad.der":             {never, attest.ErrForged},
		"openenclave/sgx_cert_rsa_bad.der":            {never, attest.ErrForged},
		"rats-tls/rats-tls-cert-sample.pem":           {attest.RATSTLS, nil},
		"sgx-ra-tls/ecdsa-ratls.der":                  {never, attest.ErrForged},
		"cmw/x509-cert+cbor-cmw.der":                  {never, attest.ErrUnsupported},
		"cmw/x509-cert+json-cmw.der":                  {never, attest.ErrUnsupported},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cert := genuine(t, name)
			by, err := verifiedByAny(t, cert)
			if !errors.Is(err, test.want) {
				t.Errorf("%v; want %v", err, test.want)
			}
			for _, accepted := range attest.AllDialects() {
				_, err := by.judge(t, cert, accepted)
				fits := accepted == test.is || name == "ccc-interop/gramine-cert.pem" && accepted == attest.Gramine
				if fits != (err == nil) {
					t.Errorf("accepted %v: %v", accepted, err)
				}
			}
			if _, err := by.judge(t, cert); (test.is == attest.DICE) != (err == nil) {
				t.Error("what is accepted by default is not DICE")
			}
		})
	}
}

func genuine(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	b := vectors.Read(t, "certs", name)
	if block, _ := pem.Decode(b); strings.HasSuffix(name, ".pem") {
		b = block.Bytes
	}
	return must(x509.ParseCertificate(b))(t)
}

// judge authenticates a certificate by the vector's collateral, at the time for
// which that was published.
func (x *vector) judge(t *testing.T, cert *x509.Certificate, dialects ...attest.Dialect) (*attest.Report, error) {
	t.Helper()
	v := &attest.Verifier{Collateral: attest.Dir(filepath.Join(vectors.Dir(t), x.Collateral)), Time: at(time.Unix(x.Unix, 0)), Dialects: dialects}
	return v.AuthenticateCertificate(t.Context(), cert)
}

// verifiedByAny returns the first collateral that finds the certificate
// authentic in any dialect, or else the refusal that got furthest.
func verifiedByAny(t *testing.T, cert *x509.Certificate) (by *vector, err error) {
	t.Helper()
	seen := map[string]bool{}
	for _, x := range readVectors(t) {
		if x.TEE != "sgx" || seen[x.Collateral] {
			continue
		}
		seen[x.Collateral] = true
		_, refusal := x.judge(t, cert, attest.AllDialects()...)
		if refusal == nil {
			return &x, nil
		}
		if err == nil || !strings.Contains(refusal.Error(), "MISMATCH") {
			by, err = &x, refusal
		}
	}
	return by, err
}

// TestGenuineCertificatesChanged has the mutants of a genuine certificate: not
// one byte of it can be another. Where it does not matter to the quote, it does
// to the signature over the certificate.
func TestGenuineCertificatesChanged(t *testing.T) {
	cert := genuine(t, "ccc-interop/gramine-cert.pem")
	by, err := verifiedByAny(t, cert)
	check(t, err)
	at := map[string]int{}
	for _, e := range cert.Extensions {
		at[e.Id.String()] = bytes.Index(cert.Raw, e.Value)
	}
	places := map[string]int{"serial": 14, "key": bytes.Index(cert.Raw, cert.RawSubjectPublicKeyInfo) + 60, "signature": len(cert.Raw) - 1,
		"DICE quote": at["2.23.133.5.4.9"] + 500, "DICE claims": at["2.23.133.5.4.9"] + 4790, "Gramine quote": at["0.6.9.42.840.113741.1337.6"] + 400}
	for name, place := range places {
		changed, err := x509.ParseCertificate(flipped(cert.Raw, place))
		if err == nil {
			_, err = by.judge(t, changed)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
