package enclavetest

import (
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// request asks for the key of one blob, sealed now.
func (s suite) request() sealing.KeyRequest {
	level := s.Level()
	return sealing.KeyRequest{
		Binding: sealing.ToSigner,
		KeyID:   [32]byte{0: 1, 31: 2},
		SVN:     level.SVN,
		CPUSVN:  level.CPUSVN,
	}
}

// key is never zero: a platform that has none says so.
func (s suite) key(t *testing.T, r sealing.KeyRequest) [16]byte {
	t.Helper()
	k, err := s.SealingKey(r)
	if err != nil {
		t.Fatal(err)
	}
	if k == [16]byte{} {
		t.Fatal("a key of zeros")
	}
	return k
}

func (s suite) sealingKeys(t *testing.T) {
	base := s.key(t, s.request())
	if base != s.key(t, s.request()) {
		t.Error("two keys for one request")
	}
	for name, row := range map[string]struct {
		change func(*sealing.KeyRequest) (possible bool)
		fixed  bool // a fixed key depends on this too
	}{
		"binding":        {func(r *sealing.KeyRequest) bool { r.Binding = sealing.ToEnclave; return true }, true},
		"key ID, first":  {func(r *sealing.KeyRequest) bool { r.KeyID[0] ^= 1; return true }, false},
		"key ID, last":   {func(r *sealing.KeyRequest) bool { r.KeyID[31] ^= 1; return true }, false},
		"SVN":            {func(r *sealing.KeyRequest) bool { r.SVN--; return r.SVN+1 > 0 }, false},
		"CPUSVN":         {func(r *sealing.KeyRequest) bool { r.CPUSVN[0]--; return r.CPUSVN[0] != 255 }, false},
		"CPUSVN, wholly": {func(r *sealing.KeyRequest) bool { r.CPUSVN = [16]byte{}; return true }, false},
	} {
		r := s.request()
		if !row.change(&r) || s.Level().Source == sealing.SourceFixed && !row.fixed {
			continue
		}
		if s.key(t, r) == base {
			t.Errorf("the key does not depend on the %s", name)
		}
	}
}

// sealingKeysBeyond asks for what nobody may have.
func (s suite) sealingKeysBeyond(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*sealing.KeyRequest) (possible bool)
		fixed  bool
	}{
		"no binding":          {func(r *sealing.KeyRequest) bool { r.Binding = 0; return true }, true},
		"both bindings":       {func(r *sealing.KeyRequest) bool { r.Binding = 3; return true }, true},
		"SVN above its own":   {func(r *sealing.KeyRequest) bool { r.SVN++; return r.SVN > 0 }, false},
		"SVN of all ones":     {func(r *sealing.KeyRequest) bool { r.SVN = 0xFFFF; return s.Level().SVN < 0xFFFF }, false},
		"CPUSVN above its":    {func(r *sealing.KeyRequest) bool { r.CPUSVN[0]++; return r.CPUSVN[0] > 0 }, false},
		"a separation unmade": {func(r *sealing.KeyRequest) bool { r.Separation = ^s.Separations(); return true }, true},
	} {
		r := s.request()
		if !row.change(&r) || s.Level().Source == sealing.SourceFixed && !row.fixed {
			continue
		}
		if k, err := s.SealingKey(r); err == nil || k != [16]byte{} {
			t.Errorf("%s: a key, or no error: %v", name, err)
		}
	}
}

// sealingKeysAtOnce checks that nobody gets another's key.
func (s suite) sealingKeysAtOnce(t *testing.T) {
	var want [8][16]byte
	request := func(i int) sealing.KeyRequest {
		r := s.request()
		r.KeyID[1] = byte(i % len(want))
		return r
	}
	for i := range want {
		want[i] = s.key(t, request(i))
	}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for range 16 {
				if k, err := s.SealingKey(request(i)); err != nil || k != want[i%len(want)] {
					t.Errorf("another key, or %v", err)
					return
				}
			}
		})
	}
	all.Wait()
}

func (s suite) sealing(t *testing.T) {
	for _, binding := range []sealing.Binding{sealing.ToEnclave, sealing.ToSigner} {
		sealer := sealing.New(s.Platform, binding)
		blob, err := sealer.Seal([]byte("secret"), []byte("name"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sealer.Open(blob, []byte("name")); err != nil || string(got) != "secret" {
			t.Errorf("%v: %q, %v", binding, got, err)
		}
		if _, err := sealer.Open(blob, []byte("another")); err == nil {
			t.Errorf("%v: opens under another name", binding)
		}
		if _, err := sealer.Open(flip(blob, len(blob)-1), []byte("name")); err == nil {
			t.Errorf("%v: opens when changed", binding)
		}
		other := sealing.New(s.Platform, 3-binding)
		if _, err := other.Open(blob, []byte("name")); err == nil {
			t.Errorf("%v: opens under the other binding", binding)
		}
	}
}
