package ratls_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func TestEvidence(t *testing.T) {
	key, _ := newKey(t)
	good := pkix.Extension{Id: ratls.OID(), Value: []byte("evidence")}
	extension := func(critical bool, id ...int) pkix.Extension {
		return pkix.Extension{Id: id, Critical: critical, Value: []byte("other")}
	}
	sdk := extension(false, 1, 2, 840, 113741, 1, 13, 1)
	ego := extension(false, 1, 3, 6, 1, 4, 1, 311, 105, 1)
	long := append(asn1.ObjectIdentifier{1, 3}, make([]int, 5000)...)

	tests := map[string]struct {
		extensions []pkix.Extension
		says       string // in the error; accepted if ""
	}{
		"alone":                       {[]pkix.Extension{good}, ""},
		"beside Gramine's":            {[]pkix.Extension{extension(false, 0, 6, 9, 42, 840, 113741, 1337, 6), good}, ""},
		"beside an unknown one":       {[]pkix.Extension{good, extension(false, 1, 2, 3)}, ""},
		"beside a critical one":       {[]pkix.Extension{good, extension(true, 1, 2, 3)}, "critical extension (1.2.3)"},
		"beside a critical report":    {[]pkix.Extension{good, extension(true, 1, 3, 6, 1, 4, 1, 311, 105, 1)}, "critical"},
		"beside a long critical one":  {[]pkix.Extension{good, {Id: long, Critical: true}}, "critical"},
		"none":                        {nil, "no attestation evidence"},
		"Intel SGX SDK":               {[]pkix.Extension{sdk}, "Intel SGX SDK quote (or PCK extension) (1.2.840.113741.1.13.1); only TCG DICE"},
		"EGo":                         {[]pkix.Extension{ego}, "EGo report (1.3.6.1.4.1.311.105.1); only TCG DICE"},
		"EGo and Intel SGX SDK":       {[]pkix.Extension{ego, sdk}, "EGo report (1.3.6.1.4.1.311.105.1), an Intel SGX SDK quote"},
		"DICE endorsements":           {[]pkix.Extension{extension(false, 2, 23, 133, 5, 4, 2)}, "no attestation evidence"},
		"longer object identifier":    {[]pkix.Extension{extension(false, 2, 23, 133, 5, 4, 9, 1)}, "no attestation evidence"},
		"shorter object identifier":   {[]pkix.Extension{extension(false, 2, 23, 133, 5, 4)}, "no attestation evidence"},
		"IETF":                        {[]pkix.Extension{extension(false, 1, 3, 6, 1, 5, 5, 7, 1, 35)}, "IETF"},
		"Open Enclave evidence":       {[]pkix.Extension{extension(false, 1, 3, 6, 1, 4, 1, 311, 105, 2)}, "Open Enclave evidence"},
		"early Open Enclave evidence": {[]pkix.Extension{extension(false, 1, 2, 840, 113556, 10, 1, 2)}, "early Open Enclave"},
		"Intel RA-TLS":                {[]pkix.Extension{extension(false, 1, 2, 840, 113741, 1337, 6)}, "Intel RA-TLS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			value, err := ratls.Evidence(newCertificate(t, key, test.extensions...))
			if test.says == "" {
				if err != nil || string(value) != "evidence" {
					t.Errorf("%q, %v", value, err)
				}
				return
			}
			if err == nil || value != nil || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 250 {
				t.Errorf("%q, %v; want an error saying %q", value, err, test.says)
			}
		})
	}
}

func TestEvidenceTwice(t *testing.T) {
	e := pkix.Extension{Id: ratls.OID()}
	value, err := ratls.Evidence(&x509.Certificate{Extensions: []pkix.Extension{e, e}})
	if err != ratls.ErrDuplicate || value != nil {
		t.Errorf("%q, %v", value, err)
	}
}

// TestGenuineCertificatesOfOthers has real certificates in formats that are
// not accepted, some of which carry evidence that is good in its own format.
func TestGenuineCertificatesOfOthers(t *testing.T) {
	root := vectors.Dir(t)
	seen := 0
	for _, dir := range []string{"openenclave", "rats-tls", "sgx-ra-tls", "cmw"} {
		entries, err := os.ReadDir(filepath.Join(root, "certs", dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			cert, err := parse(vectors.Read(t, "certs", dir, e.Name()))
			if err != nil {
				continue // not a certificate, or a corrupt one
			}
			seen++
			if value, err := ratls.Evidence(cert); err == nil || value != nil {
				t.Errorf("%s: accepted", e.Name())
			} else {
				t.Logf("%s: %v", e.Name(), err)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d certificates tried", seen)
	}
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
