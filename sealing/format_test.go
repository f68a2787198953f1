package sealing_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// written is a second implementation of FORMAT.md, by its letter.
func written(platformKey [16]byte, header, plaintext, additional []byte) []byte {
	prf := func(key []byte, message ...[]byte) []byte {
		mac := hmac.New(sha256.New, key)
		for _, m := range message {
			mac.Write(m)
		}
		return mac.Sum(nil)
	}
	number := func(n, size int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n))[:size] }

	prk := prf(header[96:128], platformKey[:])
	expand := func(label string) []byte { // one block of HKDF-Expand is 32 bytes
		return prf(prk, []byte("cleave sealing"), header[7:11], []byte(label), []byte{1})
	}
	mac := prf(expand("header"), header, number(len(additional), 8), additional)

	block, _ := aes.NewCipher(expand("chunks"))
	gcm, _ := cipher.NewGCM(block)
	var chunks []byte
	pieces := slices.Collect(slices.Chunk(plaintext, 65536))
	if len(pieces) == 0 {
		pieces = [][]byte{nil}
	}
	for i, piece := range pieces {
		last := 0
		if i == len(pieces)-1 {
			last = 1
		}
		chunks = gcm.Seal(chunks, slices.Concat(number(i, 8), number(last, 4)), piece, nil)
	}
	return slices.Concat(header, mac, chunks)
}

var (
	goldenHeader = slices.Concat([]byte("CLVSEAL\x01\x01\x01\x02\x00\x00\x00\x01\x00\x05\x00"), make([]byte, 14),
		[]byte{5, 4, 3, 2, 15: 1}, make([]byte, 16), pattern(64), bytes.Repeat([]byte{0xD1}, 32))
	goldenText       = []byte("sealed once, opened for ever")
	goldenAdditional = []byte("golden")
)

func goldenKey(t testing.TB) [16]byte {
	t.Helper()
	key, err := newCPU().SealingKey(sealing.KeyRequest{
		Binding: sealing.ToSigner,
		KeyID:   [32]byte(goldenHeader[64:96]),
		SVN:     5,
		CPUSVN:  [16]byte{5, 4, 3, 2, 15: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFormatIsAsWritten(t *testing.T) {
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 5} {
		blob := written(goldenKey(t), goldenHeader, pattern(n), goldenAdditional)
		got, err := sealing.New(newCPU(), sealing.ToSigner).Open(blob, goldenAdditional)
		if err != nil || !bytes.Equal(got, pattern(n)) {
			t.Errorf("%d bytes: %v", n, err)
		}
		again, err := sealing.Reseal(goldenKey(t), blob, pattern(n), goldenAdditional)
		if err != nil || !bytes.Equal(again, blob) {
			t.Errorf("%d bytes: sealed differently", n)
		}
	}
}

// Everything that a reader needs of a blob beside its key is where FORMAT.md
// says.
func TestEverySourceAndBindingIsAsWritten(t *testing.T) {
	for _, keys := range []*fakeCPU{newCPU(), newFixed()} {
		for _, binding := range []sealing.Binding{sealing.ToEnclave, sealing.ToSigner} {
			blob := seal(t, sealing.New(keys, binding), pattern(100), goldenAdditional)
			key, err := keys.SealingKey(keys.asked()[0])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(blob, written(key, blob[:160], pattern(100), goldenAdditional)) {
				t.Errorf("%v, %v: sealed otherwise than written", keys.level.Source, binding)
			}
			keys.asked()
		}
	}
}

// A blob from the day the format was fixed.
func TestGolden(t *testing.T) {
	blob, err := os.ReadFile("testdata/golden.sealed")
	if err != nil {
		t.Fatal(err)
	}
	got, err := sealing.New(newCPU(), sealing.ToSigner).Open(blob, goldenAdditional)
	if err != nil || !bytes.Equal(got, goldenText) {
		t.Errorf("opened as %q, %v", got, err)
	}
	again, err := sealing.Reseal(goldenKey(t), blob, goldenText, goldenAdditional)
	if err != nil || !bytes.Equal(again, blob) {
		t.Errorf("sealed now as\n%x\n%v", again, err)
	}
}

func TestInfo(t *testing.T) {
	blob, err := os.ReadFile("testdata/golden.sealed")
	if err != nil {
		t.Fatal(err)
	}
	want := sealing.Header{Binding: sealing.ToSigner, Level: sealing.Level{Source: sealing.SourceCPU, SVN: 5, CPUSVN: [16]byte{5, 4, 3, 2, 15: 1}}}
	for n := range len(blob) + 1 {
		got, err := sealing.Info(blob[:n])
		if n < 192 && err == nil || n >= 192 && (err != nil || got != want) {
			t.Errorf("of %d bytes: %v, %v", n, got, err)
		}
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte("CLVSEAL\x01"))
	f.Add(seal(f, sealing.New(newCPU(), sealing.ToSigner), []byte("secret"), nil))
	f.Add(seal(f, sealing.New(newFixed(), sealing.ToEnclave), nil, nil))
	f.Fuzz(func(t *testing.T, blob []byte) {
		header, err := sealing.Info(blob)
		if err != nil {
			return
		}
		if header.Binding == 0 || header.Level.Source == 0 {
			t.Errorf("parsed as %v", header)
		}
		if again, err := sealing.Reencode(blob); err != nil || !bytes.Equal(again, blob) {
			t.Errorf("%x parses, but is written as %x", blob, again)
		}
	})
}

// The fuzzer has no key: whatever opens is one of the seeds.
func FuzzOpen(f *testing.F) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	sealed := map[string]bool{}
	for _, n := range []int{0, 6, chunk + 1} {
		blob := written(goldenKey(f), goldenHeader, pattern(n), nil) // the same in every process
		sealed[string(blob)] = true
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		if plaintext, err := s.Open(blob, nil); err == nil && !sealed[string(blob)] || err != nil && plaintext != nil {
			t.Errorf("%d bytes opened as %d, %v", len(blob), len(plaintext), err)
		}
	})
}
