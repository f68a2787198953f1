package sealing_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

const chunk = 64 << 10

func seal(t testing.TB, s *sealing.Sealer, plaintext, additional []byte) []byte {
	t.Helper()
	blob, err := s.Seal(plaintext, additional)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestSealedOpens(t *testing.T) {
	for name, keys := range map[string]*fakeCPU{"CPU": newCPU(), "fixed": newFixed()} {
		for _, binding := range []sealing.Binding{sealing.ToEnclave, sealing.ToSigner} {
			s := sealing.New(keys, binding)
			for _, n := range []int{0, 1, 15, 16, 17, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 17} {
				plaintext := pattern(n)
				blob := seal(t, s, plaintext, []byte("name"))
				if chunks := n/chunk + 1; len(blob) != 192+n+16*chunks {
					t.Errorf("%s, %v: %d bytes became %d", name, binding, n, len(blob))
				}
				got, err := s.Open(blob, []byte("name"))
				if err != nil || got == nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%s, %v: %d bytes came back as %d, %v", name, binding, n, len(got), err)
				}
			}
		}
	}
}

func TestBlobsShareNothing(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	a, b := seal(t, s, pattern(64), nil), seal(t, s, pattern(64), nil)
	for _, field := range [][2]int{{64, 96}, {96, 128}, {160, 192}, {192, len(a)}} {
		if bytes.Equal(a[field[0]:field[1]], b[field[0]:field[1]]) {
			t.Errorf("bytes %d to %d of two blobs are the same", field[0], field[1])
		}
	}
	if asked := cpu.asked(); asked[0].KeyID == asked[1].KeyID || [32]byte(a[64:96]) != asked[0].KeyID {
		t.Error("the key IDs asked for are the same, or not the blobs'")
	}
}

// The request is made of the blob's identity and what the Sealer fixed.
func TestKeyIsAskedForOnce(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	blob := seal(t, s, nil, nil)
	want := sealing.KeyRequest{Binding: sealing.ToSigner, KeyID: [32]byte(blob[64:96]), SVN: 5, CPUSVN: cpu.level.CPUSVN}
	if asked := cpu.asked(); len(asked) != 1 || asked[0] != want {
		t.Errorf("Seal asked for %v, want %v", asked, want)
	}
	// The next build opens it under the versions it was sealed under.
	cpu.level.SVN, cpu.level.CPUSVN[3] = 6, 7
	if _, err := s.Open(blob, nil); err != nil {
		t.Errorf("a newer build on newer microcode: %v", err)
	}
	if asked := cpu.asked(); len(asked) != 1 || asked[0] != want {
		t.Errorf("Open asked for %v, want %v", asked, want)
	}
}

func TestUnusableSealers(t *testing.T) {
	noSource := newCPU()
	noSource.level.Source = 0
	strangeSource := newCPU()
	strangeSource.level.Source = 3
	failing := newCPU()
	failing.err = errRefused
	floors := func(k sealing.Keys, svn uint16, cpu byte) *sealing.Sealer {
		s := sealing.New(k, sealing.ToSigner)
		s.MinSVN, s.MinCPUSVN[7] = svn, cpu
		return s
	}
	sealers := map[string]struct {
		*sealing.Sealer
		says string
	}{
		"nil":                    {nil, "made by New"},
		"zero":                   {new(sealing.Sealer), "made by New"},
		"nil keys":               {sealing.New(nil, sealing.ToSigner), "made by New"},
		"zero binding":           {sealing.New(newCPU(), 0), "neither"},
		"unknown binding":        {sealing.New(newCPU(), 3), "neither"},
		"no source":              {sealing.New(noSource, sealing.ToSigner), "where its keys"},
		"unknown source":         {sealing.New(strangeSource, sealing.ToSigner), "where its keys"},
		"key refused":            {sealing.New(failing, sealing.ToSigner), "CPU refuses"},
		"zero key":               {sealing.New(zeroKeys{newCPU()}, sealing.ToSigner), "all zeros"},
		"zero fixed key":         {sealing.New(zeroKeys{newFixed()}, sealing.ToSigner), "all zeros"},
		"own SVN below floor":    {floors(newCPU(), 6, 0), "itself below"},
		"own CPUSVN below floor": {floors(newCPU(), 0, 1), "itself below"},
		"fixed with floor":       {floors(newFixed(), 1, 0), "this platform does not have"},
		"fixed with CPU floor":   {floors(newFixed(), 0, 1), "this platform does not have"},
	}
	good := map[bool][]byte{
		false: seal(t, sealing.New(newCPU(), sealing.ToSigner), nil, nil),
		true:  seal(t, sealing.New(newFixed(), sealing.ToSigner), nil, nil),
	}
	for name, s := range sealers {
		if blob, err := s.Seal([]byte("secret"), nil); blob != nil || err == nil || !strings.Contains(err.Error(), s.says) {
			t.Errorf("%s: sealed %d bytes, %v", name, len(blob), err)
		}
		plaintext, err := s.Open(good[strings.Contains(name, "fixed")], nil)
		if plaintext != nil || err == nil || !strings.Contains(err.Error(), s.says) {
			t.Errorf("%s: opened %d bytes, %v", name, len(plaintext), err)
		}
		if errors.Is(err, sealing.ErrOpen) {
			t.Errorf("%s: blamed on the blob: %v", name, err)
		}
	}
}

func TestThePlatformsErrorIsKept(t *testing.T) {
	cpu := newCPU()
	cpu.err = errRefused
	if _, err := sealing.New(cpu, sealing.ToSigner).Seal(nil, nil); !errors.Is(err, errRefused) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := pattern(i * 20000)
			blob, err := s.Seal(want, []byte{byte(i)})
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := s.Open(blob, []byte{byte(i)}); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkOpen(b *testing.B) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	for name, n := range map[string]int{"64B": 64, "16MiB": 16 << 20} {
		blob := seal(b, s, pattern(n), nil)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Open(blob, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
