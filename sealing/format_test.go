package sealing_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
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
		return prf(prk, []byte("cleave sealing"), header[7:12], []byte(label), []byte{1})
	}
	mac := prf(expand("header"), header, number(len(additional), 8), additional)

	block, _ := aes.NewCipher(expand("chunks"))
	gcm, _ := cipher.NewGCM(block)
	var chunks []byte
	for i := 0; i <= len(plaintext)/65536; i++ {
		last := 0
		if i == len(plaintext)/65536 {
			last = 1
		}
		piece := plaintext[i*65536 : min((i+1)*65536, len(plaintext))]
		chunks = gcm.Seal(chunks, slices.Concat(number(i, 8), number(last, 4)), piece, nil)
	}
	return slices.Concat(header, mac, chunks)
}

func TestFormatIsAsWritten(t *testing.T) {
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 5} {
		blob := written(golden().key(t), golden().header, pattern(n), additional)
		got, err := sealing.New(newCPU(), sealing.ToSigner).Open(blob, additional)
		if err != nil || !bytes.Equal(got, pattern(n)) {
			t.Errorf("%d bytes: %v", n, err)
		}
		again, err := sealing.SealLike(golden().key(t), blob, pattern(n), additional)
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
			blob := seal(t, sealing.New(keys, binding), pattern(100), additional)
			key, err := keys.SealingKey(keys.asked()[0])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(blob, written(key, blob[:160], pattern(100), additional)) {
				t.Errorf("%v, %v: sealed otherwise than written", keys.level.Source, binding)
			}
			keys.asked()
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
		blob := written(golden().key(f), golden().header, pattern(n), nil) // the same in every process
		sealed[string(blob)] = true
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		if plaintext, err := s.Open(blob, nil); err == nil && !sealed[string(blob)] || err != nil && plaintext != nil {
			t.Errorf("%d bytes opened as %d, %v", len(blob), len(plaintext), err)
		}
	})
}
