package sealing_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/ratio"
	"github.com/cleave-sdk/cleave/sealing"
)

const streamSize = 8 << 20

// bare is AES-256-GCM over chunks of 64 KiB, with nothing around it.
type bare struct {
	aead  cipher.AEAD
	nonce [12]byte
	buf   []byte
}

func newBare(b *testing.B) *bare {
	block, err := aes.NewCipher(pattern(32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return &bare{aead: aead, buf: make([]byte, 0, chunk+16)}
}

func (a *bare) number(i int) []byte {
	binary.LittleEndian.PutUint64(a.nonce[:], uint64(i))
	return a.nonce[:]
}

// seal hands every sealed chunk to w.
func (a *bare) seal(w io.Writer, plain []byte) {
	for i := range len(plain) / chunk {
		w.Write(a.aead.Seal(a.buf, a.number(i), plain[i*chunk:][:chunk], nil))
	}
}

func (a *bare) open(sealed []byte) {
	for i := range len(sealed) / (chunk + 16) {
		must(a.aead.Open(a.buf, a.number(i), sealed[i*(chunk+16):][:chunk+16], nil))
	}
}

func (a *bare) openFrom(r io.Reader) {
	sealed := make([]byte, chunk+16)
	for i := 0; ; i++ {
		if _, err := io.ReadFull(r, sealed); err == io.EOF {
			return
		}
		must(a.aead.Open(a.buf, a.number(i), sealed, nil))
	}
}

func oneCore(b *testing.B) {
	before := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// stream seals plain by writes of that size.
func stream(w io.Writer, s *sealing.Sealer, plain []byte, write int) {
	sealed := must(s.NewWriter(w, nil))
	for at := 0; at < len(plain); at += write {
		must(sealed.Write(plain[at:][:write]))
	}
	check(sealed.Close())
}

func BenchmarkRatioSealStream(b *testing.B) {
	oneCore(b)
	a, s, plain := newBare(b), sealing.New(newCPU(), sealing.ToSigner), pattern(streamSize)
	b.SetBytes(2 * streamSize)
	ratio.Report(b,
		func() { a.seal(io.Discard, plain) },
		func() { stream(io.Discard, s, plain, chunk) })
}

// What opens a stream has to read it, the bare loop too.
func BenchmarkRatioOpenStream(b *testing.B) {
	openStream(b, func(a *bare, sealed []byte) { a.openFrom(bytes.NewReader(sealed)) })
}

// Here the bare loop finds the chunks in memory, where they are: the difference
// is one copy of them.
func BenchmarkRatioOpenStreamUnread(b *testing.B) {
	openStream(b, (*bare).open)
}

func openStream(b *testing.B, open func(a *bare, sealed []byte)) {
	oneCore(b)
	a, s, plain := newBare(b), sealing.New(newCPU(), sealing.ToSigner), pattern(streamSize)
	var sealed bytes.Buffer
	a.seal(&sealed, plain)
	blob := must(s.Seal(plain, nil))
	p := make([]byte, chunk)
	b.SetBytes(2 * streamSize)
	ratio.Report(b,
		func() { open(a, sealed.Bytes()) },
		func() {
			r := must(s.NewReader(bytes.NewReader(blob), nil))
			for range streamSize / chunk {
				must(io.ReadFull(r, p))
			}
			if _, err := r.Read(p); err != io.EOF {
				panic(err)
			}
		})
}

// Two cores, in terms of one that does nothing but seal. What the machine's
// second core is worth, BenchmarkRatioBareCores says: little where it is
// another thread of the first.
func BenchmarkRatioSealCores(b *testing.B) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	twoCores(b, func(_ *bare, plain []byte) { stream(io.Discard, s, plain, len(plain)) })
}

func BenchmarkRatioBareCores(b *testing.B) {
	second := newBare(b)
	twoCores(b, func(first *bare, plain []byte) {
		var wg sync.WaitGroup
		wg.Go(func() { second.seal(io.Discard, plain[:len(plain)/2]) })
		first.seal(io.Discard, plain[len(plain)/2:])
		wg.Wait()
	})
}

func twoCores(b *testing.B, seal func(a *bare, plain []byte)) {
	if runtime.NumCPU() < 2 {
		b.Skip("one core")
	}
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	a, plain := newBare(b), pattern(4*streamSize)
	b.SetBytes(2 * 4 * streamSize)
	ratio.Report(b, func() { a.seal(io.Discard, plain) }, func() { seal(a, plain) })
}

// A file on a tmpfs, each chunk written as it is sealed.
func BenchmarkRatioSealFile(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "")
	if err != nil {
		b.Skip(err)
	}
	defer os.RemoveAll(dir)
	a, s, plain := newBare(b), sealing.New(newCPU(), sealing.ToSigner), pattern(streamSize)
	b.SetBytes(2 * streamSize)
	f := &sealing.File{Path: filepath.Join(dir, "ours"), Name: "file", Sealer: s}
	ratio.Report(b,
		func() {
			w := must(os.Create(filepath.Join(dir, "bare")))
			a.seal(w, plain)
			check(w.Close())
		},
		func() { check(f.Store(b.Context(), plain)) })
}
