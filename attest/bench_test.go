package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratio"
)

// These benchmarks compare with bare verifications of the same signatures by
// crypto/ecdsa, whose keys, digests and encodings are ready: nothing that
// verifies a quote can do less. The metric "ratio" is our time in terms of
// theirs, but of BenchmarkRatioCores, where it is the speed that a second core
// adds.
//
//	go test ./attest -run '^$' -bench Ratio -benchtime 2s

// Where a quote of version 3 with 32 bytes of authentication data has its
// parts.
const (
	signatureAt    = 48 + 384 + 4
	qeReportAt     = signatureAt + 64 + 64
	certificatesAt = qeReportAt + 384 + 64 + 2 + 32 + 2 + 4
)

// A bare signature is ready to be verified.
type bareSignature struct {
	key    *ecdsa.PublicKey
	digest [32]byte
	der    []byte
}

func (s *bareSignature) verify(b testing.TB) {
	if !ecdsa.VerifyASN1(s.key, s.digest[:], s.der) {
		b.Fatal("a signature is not good")
	}
}

// raw is a signature as quotes have it.
func raw(t testing.TB, key *ecdsa.PublicKey, message, signature []byte) bareSignature {
	t.Helper()
	integer := func(b []byte) []byte {
		number := new(big.Int).SetBytes(b).Bytes()
		if number[0] >= 0x80 {
			number = append([]byte{0}, number...)
		}
		return append([]byte{2, byte(len(number))}, number...)
	}
	body := append(integer(signature[:32]), integer(signature[32:])...)
	return bareSignature{key, sha256.Sum256(message), append([]byte{0x30, byte(len(body))}, body...)}
}

func issued(cert, by *x509.Certificate) bareSignature {
	return bareSignature{by.PublicKey.(*ecdsa.PublicKey), sha256.Sum256(cert.RawTBSCertificate), cert.Signature}
}

// bareSignatures are the two of a quote, then the three of its certificates.
func bareSignatures(t testing.TB, quote []byte) []bareSignature {
	t.Helper()
	var chain []*x509.Certificate
	for block, rest := pem.Decode(quote[certificatesAt:]); block != nil; block, rest = pem.Decode(rest) {
		chain = append(chain, must(x509.ParseCertificate(block.Bytes))(t))
	}
	attestation := must(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, quote[signatureAt+64:qeReportAt]...)))(t)
	pck := chain[0].PublicKey.(*ecdsa.PublicKey)
	return []bareSignature{
		raw(t, pck, quote[qeReportAt:qeReportAt+384], quote[qeReportAt+384:qeReportAt+384+64]),
		raw(t, attestation, quote[:48+384], quote[signatureAt:signatureAt+64]),
		issued(chain[0], chain[1]), issued(chain[1], chain[2]), issued(chain[2], chain[2]),
	}
}

// verifyAll is what ours is compared with, n times.
func verifyAll(b testing.TB, signatures []bareSignature, n int) func() {
	return func() {
		for range n {
			for i := range signatures {
				signatures[i].verify(b)
			}
		}
	}
}

func authenticate(b testing.TB, v *attest.Verifier, quote []byte) {
	if _, err := v.Authenticate(b.Context(), quote); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRatioWarm has seen the collateral and the machine's certificates
// before: two signatures are left.
func BenchmarkRatioWarm(b *testing.B) {
	m := newMachine(b)
	v, quote := m.verifier(b), m.quote(b, enclave("friend"), [64]byte{})
	const n = 20
	ratio.Report(b, func() {
		for range n {
			authenticate(b, v, quote)
		}
	}, verifyAll(b, bareSignatures(b, quote)[:2], n))
}

// BenchmarkRatioCold has seen the collateral before, but not the machine: its
// three certificates are parsed and verified too.
func BenchmarkRatioCold(b *testing.B) {
	m := newMachine(b)
	v, quote := m.verifier(b), m.quote(b, enclave("friend"), [64]byte{})
	authenticate(b, v, quote)
	strangers := newStrangers(quote)
	const n = 10
	ratio.Report(b, func() {
		for range n {
			authenticate(b, v, strangers.next())
		}
	}, verifyAll(b, bareSignatures(b, quote), n))
}

// strangers are quotes whose certificates have never been seen in these bytes:
// between them is white space that counts.
type strangers struct {
	quote []byte
	space []byte
	count int
}

func newStrangers(quote []byte) *strangers {
	const digits = 24
	quote = slices.Clone(quote)
	at := bytes.LastIndex(quote, []byte("-----BEGIN"))
	quote = slices.Insert(quote, at, bytes.Repeat([]byte("\n"), digits)...)
	for _, at := range []int{signatureAt - 4, certificatesAt - 4} {
		binary.LittleEndian.PutUint32(quote[at:], binary.LittleEndian.Uint32(quote[at:])+digits)
	}
	return &strangers{quote, quote[at : at+digits], 0}
}

func (s *strangers) next() []byte {
	s.count++
	for i := range s.space {
		s.space[i] = "\n "[s.count>>i&1]
	}
	return s.quote
}

// BenchmarkRatioFirst is for information: the collateral too is parsed and
// verified, which is six signatures more.
func BenchmarkRatioFirst(b *testing.B) {
	m := newMachine(b)
	quote, collateral := m.quote(b, enclave("friend"), [64]byte{}), m.collateral(b)
	signatures := bareSignatures(b, quote)
	signatures = slices.Concat(signatures, signatures, signatures[:1])
	const n = 10
	ratio.Report(b, func() {
		for range n {
			authenticate(b, &attest.Verifier{Root: m.authority.Root.Certificate, Collateral: collateral, Time: at(m.now)}, quote)
		}
	}, verifyAll(b, signatures, n))
}

func BenchmarkRatioParse(b *testing.B) {
	m := newMachine(b)
	quote := m.quote(b, enclave("friend"), [64]byte{})
	const n = 50
	ratio.Report(b, func() {
		for range n {
			if _, err := attest.ParseQuote(quote); err != nil {
				b.Fatal(err)
			}
		}
	}, verifyAll(b, bareSignatures(b, quote)[:1], n))
}

// BenchmarkRatioCores verifies as much with two goroutines as with one.
func BenchmarkRatioCores(b *testing.B) {
	m := newMachine(b)
	v, quote := m.verifier(b), m.quote(b, enclave("friend"), [64]byte{})
	onCores(b, func() { authenticate(b, v, quote) })
}

// BenchmarkBareCores is what the machine has to give: on one that is busy, a
// second goroutine gains nothing.
func BenchmarkBareCores(b *testing.B) {
	m := newMachine(b)
	onCores(b, verifyAll(b, bareSignatures(b, m.quote(b, enclave("friend"), [64]byte{}))[:2], 1))
}

func onCores(b *testing.B, f func()) {
	const n = 60
	verify := func(n int) {
		for range n {
			f()
		}
	}
	ratio.Report(b, func() { verify(n) }, func() {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { verify(n / 2) })
		}
		wg.Wait()
	})
}

// TestWarmAllocations also sees to it that parsing copies nothing of the
// signature data, which are most of a quote.
func TestWarmAllocations(t *testing.T) {
	m := newMachine(t)
	v, quote := m.verifier(t), m.quote(t, enclave("friend"), [64]byte{})
	authenticate(t, v, quote)
	if n := testing.AllocsPerRun(100, func() { authenticate(t, v, quote) }); n > 40 {
		t.Errorf("a verification makes %v allocations", n)
	}
	huge := newStrangers(quote).quote
	filler := strings.Repeat("\n", 20_000)
	huge = slices.Insert(huge, len(huge)-1, []byte(filler)...)
	for _, at := range []int{signatureAt - 4, certificatesAt - 4} {
		binary.LittleEndian.PutUint32(huge[at:], binary.LittleEndian.Uint32(huge[at:])+uint32(len(filler)))
	}
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		must(attest.ParseQuote(huge))(t)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > 2<<10 {
		t.Errorf("parsing %d bytes allocates %d", len(huge), n)
	}
}
