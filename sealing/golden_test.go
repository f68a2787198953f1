package sealing_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

var additional = []byte("golden")

// vector is a blob from the day the format was fixed: how it was made, and how
// it is opened.
type vector struct {
	file    string
	header  []byte
	text    []byte
	keys    sealing.Keys
	binding sealing.Binding
	separation
}

type separation = sealing.Separation

// golden is the vector that is looked at most closely.
func golden() vector { return vectors()[0] }

func vectors() []vector {
	cpu, fixed, config := newCPU(), newFixed(), newCPU()
	config.level.ConfigSVN = 0x0204
	svns := slices.Concat([]byte{5, 0}, make([]byte, 14), []byte{5, 4, 3, 2, 15: 1}, make([]byte, 16))
	none := make([]byte, 48)
	configured := with(with(svns, 2, 3, 2), 16, 1)
	predecessor := bytes.Repeat([]byte{0xD1}, 32)
	header := func(source, binding, separation byte, middle, predecessor []byte) []byte {
		lead := []byte{'C', 'L', 'V', 'S', 'E', 'A', 'L', 1, 1, source, binding, separation, 0, 0, 1, 0}
		return slices.Concat(lead, middle, pattern(64), predecessor)
	}
	short := []byte("sealed once, opened for ever")
	return []vector{
		{"signer", header(1, 2, 0, svns, predecessor), short, cpu, sealing.ToSigner, 0},
		{"enclave", header(1, 1, 0, svns, make([]byte, 32)), pattern(chunk + 5), cpu, sealing.ToEnclave, 0},
		{"full", header(1, 2, 0, svns, make([]byte, 32)), pattern(chunk), cpu, sealing.ToSigner, 0},
		{"fixed", header(2, 2, 0, none, make([]byte, 32)), short, fixed, sealing.ToSigner, 0},
		{"separated", header(1, 2, 5, configured, make([]byte, 32)), nil, kss{config, 7}, sealing.ToSigner, sealing.ByConfig | sealing.ByExtendedProduct},
	}
}

// request is what FORMAT.md says the platform is asked for.
func (v vector) request() sealing.KeyRequest {
	h := v.header
	return sealing.KeyRequest{
		Binding:    sealing.Binding(h[10]),
		Separation: sealing.Separation(h[11]),
		KeyID:      [32]byte(h[64:96]),
		SVN:        uint16(h[16]) | uint16(h[17])<<8,
		CPUSVN:     [16]byte(h[32:48]),
		ConfigSVN:  uint16(h[18]) | uint16(h[19])<<8,
	}
}

func (v vector) key(t testing.TB) [16]byte {
	t.Helper()
	key, err := v.keys.SealingKey(v.request())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (v vector) sealer() *sealing.Sealer {
	s := sealing.New(v.keys, v.binding)
	s.Separation = v.separation
	return s
}

var writeGolden = flag.Bool("write-golden", false, "write blobs of the present format to testdata")

func TestGolden(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.file, func(t *testing.T) {
			name := filepath.Join("testdata", "v1-"+v.file+".sealed")
			if *writeGolden {
				if err := os.WriteFile(name, written(v.key(t), v.header, v.text, additional), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			blob, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			opens(t, v.file, v.sealer(), blob, additional, v.text)
			again, err := sealing.SealLike(v.key(t), blob, v.text, additional)
			if err != nil || !bytes.Equal(again, blob) {
				t.Errorf("sealed now as %d other bytes, %v", len(again), err)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	for _, v := range vectors() {
		blob, err := os.ReadFile(filepath.Join("testdata", "v1-"+v.file+".sealed"))
		if err != nil {
			t.Fatal(err)
		}
		r := v.request()
		want := sealing.Header{
			Version:     1,
			Binding:     r.Binding,
			Separation:  r.Separation,
			Level:       sealing.Level{Source: v.keys.Level().Source, SVN: r.SVN, CPUSVN: r.CPUSVN, ConfigSVN: r.ConfigSVN},
			Digest:      sha256.Sum256(blob[:192]),
			Predecessor: [32]byte(v.header[128:]),
		}
		for n := range min(len(blob), 300) {
			got, err := sealing.Info(blob[:n])
			if n < sealing.LeadSize && err == nil || n >= sealing.LeadSize && (err != nil || got != want) {
				t.Errorf("%s: of %d bytes: %v, %v", v.file, n, got, err)
			}
		}
		size, chunks, err := want.Size(int64(len(blob)))
		if err != nil || size != int64(len(v.text)) || chunks != size/chunk+1 {
			t.Errorf("%s: %d bytes in %d chunks, %v", v.file, size, chunks, err)
		}
	}
	for _, n := range []int64{-1 << 63, -1, 0, 191, 192, 207, 192 + chunk + 16, 192 + chunk + 16 + 15, 1<<63 - 1} {
		if size, chunks, err := (sealing.Header{}).Size(n); err == nil || size != 0 || chunks != 0 {
			t.Errorf("%d bytes are %d in %d chunks", n, size, chunks)
		}
	}
}
