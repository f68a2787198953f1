package ratls_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/ratls"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

func sha(bits int, b []byte) []byte {
	switch bits {
	case 256:
		h := sha256.Sum256(b)
		return h[:]
	case 384:
		h := sha512.Sum384(b)
		return h[:]
	case 512:
		h := sha512.Sum512(b)
		return h[:]
	}
	return nil
}

func TestRead(t *testing.T) {
	key, spki := newKey(t)
	good := withClaims(fakeQuote(ratls.ReportData(ratls.Claims(spki))), ratls.Claims(spki))
	quote := fakeQuote([64]byte{})
	with := func(critical bool, value []byte, id ...int) pkix.Extension {
		return pkix.Extension{Id: id, Critical: critical, Value: value}
	}
	report := oe.Report(quote, true)
	evidence := oe.Evidence(oe.FormatECDSA, quote)
	sdk := []int{1, 2, 840, 113741, 1, 13, 1}
	ego := []int{1, 3, 6, 1, 4, 1, 311, 105, 1}
	early := []int{1, 2, 840, 113556, 10, 1, 1}
	intel, gramine := []int{1, 2, 840, 113741, 1337, 6}, []int{0, 6, 9, 42, 840, 113741, 1337, 6}
	long := append(asn1.ObjectIdentifier{1, 3}, make([]int, 5000)...)
	type list = []pkix.Extension

	tests := map[string]struct {
		extensions list
		read       string // the dialects, if it is read
		says       string // in the error
	}{
		"alone":                      {list{good}, "TCG DICE / CCC", ""},
		"beside Gramine's":           {list{with(false, quote, gramine...), good}, "Gramine; TCG DICE / CCC", ""},
		"beside EGo's":               {list{good, with(false, report, ego...)}, "TCG DICE / CCC; EGo, Open Enclave report", ""},
		"beside a broken one":        {list{good, with(false, report[1:], ego...)}, "", "not an Open Enclave report"},
		"beside a broken quote":      {list{good, with(false, quote[:1019], gramine...)}, "", "not a quote"},
		"beside an unknown one":      {list{good, with(false, nil, 1, 2, 3)}, "TCG DICE / CCC", ""},
		"beside a critical one":      {list{good, with(true, nil, 1, 2, 3)}, "", "critical extension (1.2.3)"},
		"beside a critical report":   {list{good, with(true, report, ego...)}, "TCG DICE / CCC; EGo, Open Enclave report", ""},
		"beside a long critical one": {list{good, {Id: long, Critical: true}}, "", "critical"},
		"beside the SDK's, the same": {list{good, with(false, fakeQuote(ratls.ReportData(ratls.Claims(spki))), sdk...)}, "TCG DICE / CCC", ""},
		"beside the SDK's, another":  {list{good, with(false, quote, sdk...)}, "", "none of its others"},
		"beside the SDK's, critical": {list{good, with(true, quote, sdk...)}, "", "critical"},
		"beside an IETF wrapper":     {list{good, with(false, nil, 1, 3, 6, 1, 5, 5, 7, 1, 35)}, "TCG DICE / CCC", ""},
		"none":                       {nil, "", "no attestation evidence"},
		"Intel SGX SDK":              {list{with(false, quote, sdk...)}, "", "Intel SGX SDK quote or PCK extension (1.2.840.113741.1.13.1), which says nothing of the key"},
		"IETF":                       {list{with(false, nil, 1, 3, 6, 1, 5, 5, 7, 1, 35)}, "", "IETF"},
		"EGo":                        {list{with(false, report, ego...)}, "EGo, Open Enclave report", ""},
		"EGo, without its header":    {list{with(false, quote, ego...)}, "", "not an Open Enclave report"},
		"EGo, local":                 {list{with(false, oe.Report(quote, false), ego...)}, "", "not an Open Enclave report"},
		"early report":               {list{with(false, report, early...)}, "Open Enclave report", ""},
		"early evidence is none":     {list{with(false, report, 1, 2, 840, 113556, 10, 1, 2)}, "", "not Open Enclave's"},
		"evidence without a quote":   {list{with(false, evidence, 1, 3, 6, 1, 4, 1, 311, 105, 2)}, "", "not Open Enclave's"},
		"Intel's spelling":           {list{with(false, quote, intel...)}, "Gramine", ""}, // no RSA key
		"both spellings":             {list{with(false, quote, intel...), with(false, quote, gramine...)}, "Gramine; Gramine", ""},
		"in five forms": {list{good, with(false, quote, intel...), with(false, quote, gramine...), with(false, report, ego...), with(false, report, early...)},
			"", "more than 4 forms"},
		"DICE endorsements":         {list{with(false, nil, 2, 23, 133, 5, 4, 2)}, "", "no attestation evidence"},
		"longer object identifier":  {list{with(false, good.Value, 2, 23, 133, 5, 4, 9, 1)}, "", "no attestation evidence"},
		"shorter object identifier": {list{with(false, good.Value, 2, 23, 133, 5, 4)}, "", "no attestation evidence"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all, err := ratls.Read(newCertificate(t, key, test.extensions...))
			if test.says == "" {
				if err != nil || describe(all) != test.read {
					t.Errorf("%q, %v; want %q", describe(all), err, test.read)
				}
				return
			}
			if err == nil || all != nil || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 250 {
				t.Errorf("%q, %v; want an error saying %q", describe(all), err, test.says)
			}
		})
	}
}

// describe has the dialects of each evidence.
func describe(all []ratls.Evidence) string {
	var texts []string
	for _, e := range all {
		var names []string
		for _, b := range e.Bindings {
			names = append(names, b.Dialect.String())
		}
		texts = append(texts, strings.Join(names, ", "))
	}
	return strings.Join(texts, "; ")
}

func TestEvidenceTwice(t *testing.T) {
	e := pkix.Extension{Id: ratls.OID()}
	if all, err := ratls.Read(&x509.Certificate{Extensions: []pkix.Extension{e, e}}); err != ratls.ErrDuplicate || all != nil {
		t.Errorf("%v, %v", all, err)
	}
}

// TestGenuineCertificatesOfAll has real certificates of every dialect that
// there are any of. None of their quotes is verified here.
func TestGenuineCertificatesOfAll(t *testing.T) {
	tests := map[string]struct {
		bound string // by what the report data name the key
		err   error
	}{
		"ccc-interop/gramine-cert.pem":                        {"Gramine; TCG DICE / CCC", nil},
		"ccc-interop/rats-tls-cert.pem":                       {"TCG DICE / CCC", nil},
		"openenclave/maa_cplarryoattestationaad_1f1f33f9.der": {"Open Enclave report", nil},
		"openenclave/maa_cplarryoattestationaad_9ca2b756.der": {"Open Enclave report", nil},
		"openenclave/maa_cplarryoattestationiso_a640f577.der": {"Open Enclave report", nil},
		"openenclave/maa_sharedwus_6ead1196.der":              {"Open Enclave report", nil},
		"openenclave/maa_sharedwus_c6dae003.der":              {"Open Enclave report", nil},
		"openenclave/sgx_cert_ec_bad.der":                     {"Open Enclave report", nil}, // its quote is what is bad
		"openenclave/sgx_cert_rsa_bad.der":                    {"Open Enclave report", nil},
		"rats-tls/rats-tls-cert-sample.pem":                   {"rats-tls", nil},
		"sgx-ra-tls/ecdsa-ratls.der":                          {"none", nil}, // report data zero
		"cmw/x509-cert+cbor-cmw.der":                          {"", ratls.ErrForeign},
		"cmw/x509-cert+json-cmw.der":                          {"", ratls.ErrForeign},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cert, err := parse(vectors.Read(t, "certs", filepath.Dir(name), filepath.Base(name)))
			if err != nil {
				t.Fatal(err)
			}
			all, err := ratls.Read(cert)
			if !errors.Is(err, test.err) || bound(all) != test.bound {
				t.Errorf("%q, %v", bound(all), err)
			}
		})
	}
}

// bound has the one dialect of each evidence whose data the quote carries.
func bound(all []ratls.Evidence) string {
	var names []string
	for _, e := range all {
		name := "none"
		for _, b := range e.Bindings {
			if bytes.Equal(e.Quote[reportDataAt:][:64], b.Data[:]) {
				name = b.Dialect.String()
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, "; ")
}

// parse looks for DER first: the PEM of a PCK certificate stands inside the
// DER of an attested one.
func parse(b []byte) (*x509.Certificate, error) {
	if !bytes.HasPrefix(b, []byte{0x30}) {
		if block, _ := pem.Decode(b); block != nil {
			b = block.Bytes
		}
	}
	return x509.ParseCertificate(b)
}
