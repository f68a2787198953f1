package manifest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// at is a manifest whose key is at path.
func at(path string) *manifest.Manifest {
	m := manifest.Default("server")
	m.Key = path
	return m
}

func TestSignerIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "private.pem")
	keys := make([]*rsa.PrivateKey, 2)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = at(path).Signer(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	again, err := at(path).Signer()
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if !key.Equal(again) {
			t.Errorf("process %d has another key", i)
		}
	}
	if again.N.BitLen() != 3072 || again.E != 3 {
		t.Errorf("made a key of %d bits with exponent %d", again.N.BitLen(), again.E)
	}
	sign(t, again)
	checkFiles(t, dir, again)
	compareWithOpenSSL(t, dir, again)
}

func sign(t *testing.T, key *rsa.PrivateKey) {
	t.Helper()
	digest := sha256.Sum256([]byte("SIGSTRUCT"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, 5, digest[:])
	if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, 5, digest[:], signature) != nil {
		t.Errorf("does not sign: %v", err)
	}
}

func checkFiles(t *testing.T, dir string, key *rsa.PrivateKey) {
	t.Helper()
	for name, mode := range map[string]os.FileMode{"private.pem": 0o600, "public.pem": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "private.pem"))
	if err != nil || !strings.HasPrefix(string(data), "-----BEGIN RSA PRIVATE KEY-----\n") {
		t.Errorf("private.pem begins %.40q, %v", data, err)
	}
	data, err = os.ReadFile(filepath.Join(dir, "public.pem"))
	block, _ := pem.Decode(data)
	if err != nil || block == nil || block.Type != "PUBLIC KEY" {
		t.Fatalf("public.pem is %.40q, %v", data, err)
	}
	if public, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil || !key.PublicKey.Equal(public) {
		t.Errorf("public.pem is of another key, %v", err)
	}
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("openssl", args...).Output()
	if err != nil {
		t.Fatalf("openssl %s: %v", args[0], err)
	}
	return strings.TrimSpace(string(out))
}

func compareWithOpenSSL(t *testing.T, dir string, key *rsa.PrivateKey) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl to compare with")
	}
	private := filepath.Join(dir, "private.pem")
	openssl(t, "rsa", "-in", private, "-check", "-noout")
	for _, args := range [][]string{{"-in", private}, {"-pubin", "-in", filepath.Join(dir, "public.pem")}} {
		modulus, err := hex.DecodeString(strings.TrimPrefix(openssl(t, append([]string{"rsa", "-noout", "-modulus"}, args...)...), "Modulus="))
		if err != nil || len(modulus) != 384 {
			t.Fatalf("openssl's modulus has %d bytes, %v", len(modulus), err)
		}
		slices.Reverse(modulus)
		if got, err := sgx.MRSIGNER(&key.PublicKey); err != nil || got != sha256.Sum256(modulus) {
			t.Errorf("MRSIGNER is %x, %v", got, err)
		}
	}
}

// What ego sign makes, in both of openssl's spellings.
func TestSignerOfOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl")
	}
	dir := t.TempDir()
	pkcs1, pkcs8 := filepath.Join(dir, "1.pem"), filepath.Join(dir, "8.pem")
	openssl(t, "genrsa", "-out", pkcs8, "-3", "3072")
	openssl(t, "rsa", "-in", pkcs8, "-out", pkcs1, "-traditional")
	a, err := at(pkcs1).Signer()
	if err != nil {
		t.Fatal(err)
	}
	b, err := at(pkcs8).Signer()
	if err != nil || !a.Equal(b) {
		t.Errorf("PKCS #8: %v", err)
	}
	sign(t, a)
	if _, err := os.Stat(filepath.Join(dir, "public.pem")); err == nil {
		t.Error("a public.pem was written for a key that was there")
	}
	small := filepath.Join(dir, "small.pem")
	openssl(t, "genrsa", "-out", small, "-3", "2048")
	if key, err := at(small).Signer(); key != nil || err == nil || !strings.Contains(err.Error(), "is not the RSA-3072 key of exponent 3") {
		t.Errorf("2048 bits: %v", err)
	}
}

func TestSignerRefused(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	block := func(kind string, der []byte, headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der, Headers: headers}))
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	good := block("RSA PRIVATE KEY", pkcs1, nil)
	tests := map[string]struct{ data, says string }{
		"empty":            {"", "no private key in PEM"},
		"text":             {"private", "no private key in PEM"},
		"DER":              {string(pkcs1), "no private key in PEM"},
		"exponent 65537":   {good, "is not the RSA-3072 key of exponent 3"},
		"the same, PKCS#8": {block("PRIVATE KEY", pkcs8(rsaKey), nil), "is not the RSA-3072 key of exponent 3"},
		"elliptic":         {block("PRIVATE KEY", pkcs8(ecKey), nil), "is not the RSA-3072 key of exponent 3"},
		"public":           {block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil), "no private key in PEM"},
		"encrypted":        {block("RSA PRIVATE KEY", pkcs1, map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}), "not encrypted"},
		"encrypted PKCS#8": {block("ENCRYPTED PRIVATE KEY", pkcs8(rsaKey), nil), "not encrypted"},
		"not DER":          {block("RSA PRIVATE KEY", []byte("x"), nil), "asn1"},
		"PKCS#8, not DER":  {block("PRIVATE KEY", []byte("x"), nil), "asn1"},
		"two keys":         {good + good, "no private key in PEM"},
		"too large":        {good + strings.Repeat("\n", 64<<10), "more than the 65536 bytes"},
	}
	for name, test := range tests {
		path := filepath.Join(t.TempDir(), "private.pem")
		if err := os.WriteFile(path, []byte(test.data), 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := at(path).Signer()
		if key != nil || err == nil || !strings.HasPrefix(err.Error(), "manifest: key: ") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != test.data {
			t.Errorf("%s: the file was touched", name)
		}
	}
	if _, err := at(filepath.Join(t.TempDir(), "none", "private.pem")).Signer(); err == nil {
		t.Error("made a key in a directory that is not there")
	}
}

func TestSignerOf(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl")
	}
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	openssl(t, "genrsa", "-out", name("private.pem"), "-3", "3072")
	openssl(t, "rsa", "-in", name("private.pem"), "-out", name("pkcs1.pem"), "-traditional")
	openssl(t, "rsa", "-in", name("private.pem"), "-out", name("public.pem"), "-pubout")
	openssl(t, "rsa", "-in", name("private.pem"), "-out", name("pkcs1public.pem"), "-RSAPublicKey_out")
	openssl(t, "genrsa", "-out", name("f4.pem"), "2048")
	openssl(t, "rsa", "-in", name("f4.pem"), "-out", name("f4public.pem"), "-pubout")
	openssl(t, "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", name("ec.pem"))
	openssl(t, "ec", "-in", name("ec.pem"), "-pubout", "-out", name("ecpublic.pem"))
	openssl(t, "rsa", "-in", name("private.pem"), "-out", name("encrypted.pem"), "-aes128", "-passout", "pass:x")
	public, err := os.ReadFile(name("public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{"two.pem": string(public) + string(public), "text.pem": "public", "broken.pem": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if err := os.WriteFile(name(file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := at(name("private.pem")).Signer()
	if err != nil {
		t.Fatal(err)
	}
	want, err := sgx.MRSIGNER(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"private.pem", "pkcs1.pem", "public.pem", "pkcs1public.pem"} {
		if got, err := manifest.SignerOf(name(file)); err != nil || got != want {
			t.Errorf("%s: %x, %v, want %x", file, got, err, want)
		}
	}
	for file, says := range map[string]string{
		"none.pem": "no such file", "text.pem": "no RSA key in PEM", "two.pem": "no RSA key in PEM", "broken.pem": "asn1", "ec.pem": "no RSA key in PEM",
		"ecpublic.pem": "is not the RSA-3072 key", "f4.pem": "is not the RSA-3072 key", "f4public.pem": "is not the RSA-3072 key", "encrypted.pem": "no RSA key in PEM",
	} {
		if got, err := manifest.SignerOf(name(file)); err == nil || got != [32]byte{} || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "manifest: key: ") {
			t.Errorf("%s: %x, %v", file, got, err)
		}
	}
}

// A manifest may name any directory for its key. What is called public.pem
// there is not replaced.
func TestPublicKeyOfAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, public := filepath.Join(dir, "other.pem"), filepath.Join(dir, "public.pem")
	if err := os.WriteFile(public, []byte("somebody relies on this"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := at(private)
	if makes, err := m.MakesKey(); makes || err == nil || !strings.Contains(err.Error(), "public.pem is there already, of another key") {
		t.Errorf("%t, %v", makes, err)
	}
	if key, err := m.Signer(); key != nil || err == nil || !strings.Contains(err.Error(), "public.pem is there already, of another key") {
		t.Error(err)
	}
	if b, err := os.ReadFile(public); string(b) != "somebody relies on this" {
		t.Errorf("%q, %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestMakesKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there := filepath.Join(dir, "there.pem")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, row := range map[string]struct{ makes, fails bool }{
		there:                                    {},
		filepath.Join(dir, "new.pem"):            {makes: true},
		filepath.Join(dir, "missing", "new.pem"): {fails: true},
	} {
		if makes, err := at(path).MakesKey(); makes != row.makes || (err != nil) != row.fails {
			t.Errorf("%s: %t, %v", path, makes, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
