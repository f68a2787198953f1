package sim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

func TestQuote(t *testing.T) {
	m := open(t, fresh(t))
	e := m.Enclave(identity())
	data := [64]byte{1, 2, 3}
	q, err := m.Quote(e.Report(m.QuotingEnclave(), data))
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	if version, keyType, tee := le.Uint16(q), le.Uint16(q[2:]), le.Uint32(q[4:]); version != 3 || keyType != 2 || tee != 0 {
		t.Errorf("version %d, key type %d, TEE %d", version, keyType, tee)
	}
	body, err := sgx.ParseReportBody(q[48:432])
	want := e.Body()
	want.ReportData = data
	if err != nil || body != want {
		t.Errorf("body %+v, %v, want %+v", body, err, want)
	}
	if size := int(le.Uint32(q[432:])); size != len(q)-436 {
		t.Fatalf("signature data of %d bytes, want %d", size, len(q)-436)
	}
	s := q[436:]
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, s[64:128]...))
	if err != nil {
		t.Fatal(err)
	}
	if !verifies(key, q[:432], s[:64]) {
		t.Error("the attestation key's signature is wrong")
	}
	auth, pems := s[578:578+32], s[578+32+6:]
	if le.Uint16(s[576:]) != 32 || le.Uint16(s[578+32:]) != 5 || int(le.Uint32(s[578+34:])) != len(pems) || pems[len(pems)-1] != 0 {
		t.Error("lengths and types are not those of a PEM chain with its zero")
	}
	chain := certificates(t, pems)
	if !verifies(chain[0].PublicKey.(*ecdsa.PublicKey), s[128:512], s[512:576]) {
		t.Error("the PCK's signature is wrong")
	}
	qe, err := sgx.ParseReportBody(s[128:512])
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(append(bytes.Clone(s[64:128]), auth...))
	if want := [64]byte(append(hash[:], make([]byte, 32)...)); qe.ReportData != want {
		t.Errorf("the QE vouches for %x, want %x", qe.ReportData, want)
	}
	if qe.ProductID != 1 || qe.SVN != 8 || qe.Attributes.Flags != 0x15 || qe.MRSIGNER[0] != 0x8C || qe.MRENCLAVE != m.QuotingEnclave().MRENCLAVE {
		t.Errorf("quoting enclave %+v", qe)
	}
	if len(chain) != 3 || !chain[2].Equal(m.Root()) {
		t.Fatal("the chain is not PCK, CA and the machine's root")
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(m.Root())
	intermediates.AddCert(chain[1])
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		t.Error(err)
	}
	if years := m.Root().NotAfter.Year() - m.Root().NotBefore.Year(); years < 19 {
		t.Errorf("the root lasts %d years", years)
	}
	t.Run("openssl", func(t *testing.T) { opensslVerifies(t, pems) })
}

func opensslVerifies(t *testing.T, pems []byte) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl in the path: the chain was checked by crypto/x509 only")
	}
	dir := t.TempDir()
	chain := certificates(t, pems)
	for i, name := range []string{"pck", "ca", "root"} {
		b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[i].Raw})
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(openssl, "verify", "-x509_strict", "-CAfile", "root", "-untrusted", "ca", "pck")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "pck: OK") {
		t.Errorf("openssl: %v: %s", err, out)
	}
}

func TestQuoteRefuses(t *testing.T) {
	m := open(t, fresh(t))
	e := m.Enclave(identity())
	good := e.Report(m.QuotingEnclave(), [64]byte{})
	own := e.Body()
	changed, mac, keyID := good, good, good
	changed.Body.MRENCLAVE[0] ^= 1
	mac.MAC[15] ^= 0x80
	keyID.KeyID[0] ^= 1
	debug := m.QuotingEnclave()
	debug.Attributes.Flags |= sgx.FlagDebug
	for name, r := range map[string]sgx.Report{
		"zero":                    {},
		"for the enclave itself":  e.Report(own.Target(), [64]byte{}),
		"for a debug QE":          e.Report(debug, [64]byte{}),
		"other identity":          changed,
		"flipped MAC":             mac,
		"flipped key ID":          keyID,
		"made on another machine": sim.Fixed(3, 3).Enclave(identity()).Report(m.QuotingEnclave(), [64]byte{}),
	} {
		if q, err := m.Quote(r); !errors.Is(err, sim.ErrReport) || q != nil {
			t.Errorf("%s: %d bytes, %v; want ErrReport", name, len(q), err)
		}
	}
	if _, err := m.Quote(good); err != nil {
		t.Errorf("the report itself: %v", err)
	}
}

func certificates(t testing.TB, pems []byte) (chain []*x509.Certificate) {
	t.Helper()
	for block, rest := pem.Decode(pems); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, c)
	}
	return chain
}

func verifies(key *ecdsa.PublicKey, message, signature []byte) bool {
	digest := sha256.Sum256(message)
	return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

func BenchmarkQuote(b *testing.B) {
	m := open(b, fresh(b))
	r := m.Enclave(identity()).Report(m.QuotingEnclave(), [64]byte{})
	for b.Loop() {
		if _, err := m.Quote(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealKey(b *testing.B) {
	e := open(b, fresh(b)).Enclave(identity())
	req := egoRequest(e)
	for b.Loop() {
		if _, err := e.Key(req); err != nil {
			b.Fatal(err)
		}
	}
}
