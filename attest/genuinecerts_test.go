package attest_test

import (
	"bytes"
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
