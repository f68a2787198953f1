package sgx_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

func TestReportMAC(t *testing.T) {
	r, err := sgx.ParseReport(example(t, "report"))
	if err != nil {
		t.Fatal(err)
	}
	key := [16]byte{1, 2, 3}
	r.Sign(key)
	if !r.Verify(key) {
		t.Fatal("a report's own MAC is refused")
	}
	if r.Verify([16]byte{1, 2, 4}) {
		t.Error("accepted under another key")
	}
	r.Body.ReportData[63] ^= 1
	if r.Verify(key) {
		t.Error("accepted with other report data")
	}
}

func TestSigStructSignature(t *testing.T) {
	key := enclaveKey(t)
	s, err := sgx.ParseSigStruct(example(t, "sigstruct"))
	if err != nil {
		t.Fatal(err)
	}
	sign(t, s, key)
	if err := s.Verify(); err != nil {
		t.Fatal(err)
	}
	signer, err := sgx.MRSIGNER(&key.PublicKey)
	if err != nil || s.MRSIGNER() != signer {
		t.Errorf("MRSIGNER of the structure %x, of its key %x, %v", s.MRSIGNER(), signer, err)
	}
	for name, change := range map[string]func(*sgx.SigStruct){
		"date":      func(s *sgx.SigStruct) { s.Date ^= 1 },
		"MRENCLAVE": func(s *sgx.SigStruct) { s.MRENCLAVE[31] ^= 0x80 },
		"SVN":       func(s *sgx.SigStruct) { s.SVN++ },
		"modulus":   func(s *sgx.SigStruct) { s.Modulus[1] ^= 2 },
		"exponent":  func(s *sgx.SigStruct) { s.Exponent = 65537 },
		"signature": func(s *sgx.SigStruct) { s.Signature[0] ^= 1 },
	} {
		c := *s
		change(&c)
		if c.Verify() == nil {
			t.Errorf("accepted with another %s", name)
		}
	}
}

func TestSignersAreRSA3072WithExponent3(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := enclaveKey(t)
	for name, k := range map[string]*rsa.PublicKey{
		"2048 bits":      &short.PublicKey,
		"exponent 65537": {N: key.N, E: 65537},
		"zero modulus":   {N: new(big.Int), E: 3},
	} {
		if _, err := sgx.MRSIGNER(k); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// sign signs as sgx_sign does: the head and the body, 128 bytes each.
func sign(t *testing.T, s *sgx.SigStruct, key *rsa.PrivateKey) {
	t.Helper()
	key.N.FillBytes(s.Modulus[:])
	slices.Reverse(s.Modulus[:])
	s.Exponent = 3
	b := s.Append(nil)
	digest := sha256.Sum256(slices.Concat(b[:128], b[900:1028]))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(signature)
	s.Signature = [384]byte(signature)
}

// enclaveKey makes a key as enclaves are signed with. The standard library
// only makes keys with exponent 65537.
func enclaveKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	p, q := primeForExponent3(t), primeForExponent3(t)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 3},
		D:         new(big.Int).ModInverse(big.NewInt(3), phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		t.Fatal(err)
	}
	return key
}

func primeForExponent3(t *testing.T) *big.Int {
	for {
		p, err := rand.Prime(rand.Reader, 1536)
		if err != nil {
			t.Fatal(err)
		}
		if new(big.Int).Mod(p, big.NewInt(3)).Int64() == 2 {
			return p
		}
	}
}
