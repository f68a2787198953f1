package sealing_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

// simulated has its keys from EGETKEY of the simulator.
type simulated struct {
	*sim.Enclave
	asked *int
}

func (s simulated) Level() sealing.Level {
	body := s.Body()
	return sealing.Level{Source: sealing.SourceCPU, SVN: body.SVN, CPUSVN: body.CPUSVN}
}

func (s simulated) SealingKey(r sealing.KeyRequest) ([16]byte, error) {
	*s.asked++
	return s.Key(egoRequest(uint16(r.Binding), r.SVN, r.CPUSVN, r.KeyID)) // the policy has the binding's number
}

// egoRequest is what EGo asks for: 1 is MRENCLAVE, 2 MRSIGNER.
func egoRequest(policy, svn uint16, cpuSVN [16]byte, keyID [32]byte) sgx.KeyRequest {
	return sgx.KeyRequest{
		Name:          sgx.KeySeal,
		Policy:        policy,
		SVN:           svn,
		CPUSVN:        cpuSVN,
		AttributeMask: sgx.Attributes{Flags: 0xFF0000000000000B},
		KeyID:         keyID,
		MiscMask:      0xF0000000,
	}
}

func newMachine(t testing.TB) *sim.Machine {
	t.Helper()
	m, err := sim.Open(filepath.Join(t.TempDir(), "machine"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// egoSealed is a blob as EGo's ecrypto makes it, under one key or two.
func egoSealed(t testing.TB, keyOf func(sgx.KeyRequest) ([16]byte, error), plaintext, additional []byte, requests ...sgx.KeyRequest) []byte {
	t.Helper()
	var key, info []byte
	for _, r := range requests {
		part, err := keyOf(r)
		if err != nil {
			t.Fatal(err)
		}
		key, info = append(key, part[:]...), r.Append(info)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	blob := append(binary.LittleEndian.AppendUint32(nil, uint32(len(info))), info...)
	nonce := []byte("twelve bytes")
	return gcm.Seal(append(blob, nonce...), nonce, plaintext, additional)
}

// naive opens such a blob as EGo does: with the key that the blob asks for.
func naive(t testing.TB, e *sim.Enclave, blob, additional []byte) ([]byte, error) {
	t.Helper()
	n := binary.LittleEndian.Uint32(blob)
	var key []byte
	for info := blob[4 : 4+n]; len(info) > 0; info = info[512:] {
		r, err := sgx.ParseKeyRequest(info[:512])
		if err != nil {
			return nil, err
		}
		part, err := e.Key(r)
		if err != nil {
			return nil, err
		}
		key = append(key, part[:]...)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm.Open(nil, blob[4+n:][:12], blob[4+n+12:], additional)
}

var victim = sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 7, SVN: 5}

func TestOpenEGo(t *testing.T) {
	keys := simulated{newMachine(t).Enclave(victim), new(int)}
	cpuSVN := keys.Level().CPUSVN
	for name, binding := range map[string]sealing.Binding{"unique": sealing.ToEnclave, "product": sealing.ToSigner} {
		s := sealing.New(keys, binding)
		one := egoRequest(uint16(binding), 5, cpuSVN, [32]byte{1})
		other := egoRequest(uint16(binding), 5, cpuSVN, [32]byte{2})
		for _, requests := range [][]sgx.KeyRequest{{one}, {one, other}} {
			for _, text := range []string{"", "a secret", string(pattern(chunk))} {
				blob := egoSealed(t, keys.Key, []byte(text), additional, requests...)
				got, err := s.OpenEGo(blob, additional)
				if err != nil || string(got) != text {
					t.Errorf("%s, %d keys: %.20q, %v", name, len(requests), got, err)
				}
				resealed := seal(t, s, got, additional)
				opens(t, name, s, resealed, additional, []byte(text))
			}
		}
	}
}

// An enclave of anybody's with the same product ID gets the key of policy 0,
// and EGo opens what it has sealed.
func TestAttackPolicyZeroForgery(t *testing.T) {
	m := newMachine(t)
	keys := simulated{m.Enclave(victim), new(int)}
	attacker := m.Enclave(sim.Identity{MRENCLAVE: [32]byte{6}, MRSIGNER: [32]byte{6}, ProductID: 7, SVN: 5})
	request := egoRequest(0, 5, keys.Level().CPUSVN, [32]byte{9})
	for _, requests := range [][]sgx.KeyRequest{{request}, {request, request}} {
		forged := egoSealed(t, attacker.Key, []byte("forged"), nil, requests...)
		if got, err := naive(t, keys.Enclave, forged, nil); err != nil || string(got) != "forged" {
			t.Fatalf("this is no attack: %q, %v", got, err)
		}
		for _, binding := range []sealing.Binding{sealing.ToEnclave, sealing.ToSigner} {
			got, err := sealing.New(keys, binding).OpenEGo(forged, nil)
			if got != nil || !errors.Is(err, sealing.ErrOther) || *keys.asked != 0 {
				t.Errorf("%v: got %q, %v, asked for %d keys", binding, got, err, *keys.asked)
			}
		}
	}
}

func TestAttackEGoBlobRefusedBeforeAnyKey(t *testing.T) {
	keys := simulated{newMachine(t).Enclave(victim), new(int)}
	s := sealing.New(keys, sealing.ToSigner)
	s.MinSVN, s.MinCPUSVN = 3, keys.Level().CPUSVN
	good := egoRequest(2, 5, keys.Level().CPUSVN, [32]byte{1})
	blob := func(requests ...sgx.KeyRequest) []byte {
		same := func(sgx.KeyRequest) ([16]byte, error) { return [16]byte{1}, nil }
		return egoSealed(t, same, []byte("forged"), nil, requests...)
	}
	change := func(f func(*sgx.KeyRequest)) sgx.KeyRequest {
		r := good
		f(&r)
		return r
	}
	bad := map[string]struct {
		sgx.KeyRequest
		want error
	}{
		"policy 0":               {change(func(r *sgx.KeyRequest) { r.Policy = 0 }), sealing.ErrOther},
		"other binding":          {change(func(r *sgx.KeyRequest) { r.Policy = 1 }), sealing.ErrOther},
		"both bindings":          {change(func(r *sgx.KeyRequest) { r.Policy = 3 }), sealing.ErrOther},
		"no product ID":          {change(func(r *sgx.KeyRequest) { r.Policy |= 4 }), sealing.ErrOther},
		"REPORT key":             {change(func(r *sgx.KeyRequest) { r.Name = sgx.KeyReport }), sealing.ErrOther},
		"PROVISION key":          {change(func(r *sgx.KeyRequest) { r.Name = sgx.KeyProvision }), sealing.ErrOther},
		"unknown key":            {change(func(r *sgx.KeyRequest) { r.Name = 5 }), sealing.ErrOther},
		"any debug enclave":      {change(func(r *sgx.KeyRequest) { r.AttributeMask.Flags &^= 2 }), sealing.ErrOther},
		"other flags":            {change(func(r *sgx.KeyRequest) { r.AttributeMask.Flags |= 4 }), sealing.ErrOther},
		"other XFRM":             {change(func(r *sgx.KeyRequest) { r.AttributeMask.XFRM = 1 }), sealing.ErrOther},
		"other MISCSELECT":       {change(func(r *sgx.KeyRequest) { r.MiscMask = 0 }), sealing.ErrOther},
		"CET":                    {change(func(r *sgx.KeyRequest) { r.CETMask = 1 }), sealing.ErrOther},
		"configuration version":  {change(func(r *sgx.KeyRequest) { r.ConfigSVN = 1 }), sealing.ErrOther},
		"SVN above own":          {change(func(r *sgx.KeyRequest) { r.SVN = 6 }), sealing.ErrNewer},
		"CPUSVN above own":       {change(func(r *sgx.KeyRequest) { r.CPUSVN[15] = 0xFF }), sealing.ErrNewer},
		"SVN below the floor":    {change(func(r *sgx.KeyRequest) { r.SVN = 2 }), sealing.ErrTooOld},
		"CPUSVN below the floor": {change(func(r *sgx.KeyRequest) { r.CPUSVN = [16]byte{} }), sealing.ErrTooOld},
	}
	for name, test := range bad {
		for _, forged := range [][]byte{blob(test.KeyRequest), blob(test.KeyRequest, good), blob(good, test.KeyRequest)} {
			got, err := s.OpenEGo(forged, nil)
			if got != nil || !errors.Is(err, test.want) || *keys.asked != 0 {
				t.Errorf("%s: %q, %v, asked for %d keys", name, got, err, *keys.asked)
			}
		}
	}
	whole := egoSealed(t, keys.Key, []byte("secret"), nil, good)
	malformed := map[string][]byte{
		"one of ours":    seal(t, s, []byte("secret"), nil),
		"reserved bytes": with(whole, 4+100, 1),
		"no request":     append([]byte{0, 0, 0, 0}, whole[516:]...),
		"half a request": with(whole, 0, 0, 1, 0, 0),
		"three requests": append([]byte{0, 6, 0, 0}, bytes.Repeat(whole[4:516], 3)...),
		"size beyond":    with(whole, 3, 0xFF),
	}
	*keys.asked = 0
	for n := range 4 + 512 + 12 + 16 {
		malformed[fmt.Sprintf("cut to %d", n)] = whole[:n]
	}
	for name, b := range malformed {
		if got, err := s.OpenEGo(b, nil); got != nil || !errors.Is(err, sealing.ErrFormat) || *keys.asked != 0 {
			t.Errorf("%s: %q, %v, asked for %d keys", name, got, err, *keys.asked)
		}
	}
}

func TestAttackEveryBitOfAnEGoBlob(t *testing.T) {
	keys := simulated{newMachine(t).Enclave(victim), new(int)}
	s := sealing.New(keys, sealing.ToSigner)
	r := egoRequest(2, 5, keys.Level().CPUSVN, [32]byte{1})
	for _, requests := range [][]sgx.KeyRequest{{r}, {r, egoRequest(2, 4, keys.Level().CPUSVN, [32]byte{2})}} {
		blob := egoSealed(t, keys.Key, []byte("secret"), additional, requests...)
		before := bytes.Clone(blob)
		for i := range blob {
			for bit := range 8 {
				if got, err := s.OpenEGo(with(blob, i, blob[i]^1<<bit), additional); got != nil || err == nil {
					t.Errorf("bit %d of byte %d does not matter", bit, i)
				}
			}
			if got, err := s.OpenEGo(blob[:i], additional); got != nil || err == nil {
				t.Errorf("opens when cut to %d bytes", i)
			}
		}
		if got, err := s.OpenEGo(blob, []byte("other")); got != nil || !errors.Is(err, sealing.ErrOpen) {
			t.Errorf("other additional data: %q, %v", got, err)
		}
		if got, err := s.OpenEGo(blob, additional); string(got) != "secret" || err != nil || !bytes.Equal(blob, before) {
			t.Errorf("unaltered: %q, %v", got, err)
		}
	}
}

func TestOpenEGoNeedsItsKeys(t *testing.T) {
	r := egoRequest(2, 5, newCPU().level.CPUSVN, [32]byte{1})
	blob := egoSealed(t, fakeEGETKEY(newCPU()), []byte("secret"), nil, r)
	separated := sealing.New(kss{newCPU(), 7}, sealing.ToSigner)
	separated.Separation = sealing.ByFamily
	for name, s := range map[string]*sealing.Sealer{
		"fixed keys":   sealing.New(newFixed(), sealing.ToSigner),
		"a separation": separated,
	} {
		if got, err := s.OpenEGo(blob, nil); got != nil || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, s := range map[string]*sealing.Sealer{
		"zero":     {},
		"zero key": sealing.New(zeroKeys{newCPU()}, sealing.ToSigner),
	} {
		if got, err := s.OpenEGo(blob, nil); got != nil || err == nil || errors.Is(err, sealing.ErrOpen) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := sealing.New(newCPU(), sealing.ToSigner).OpenEGo(blob, nil); string(got) != "secret" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// fakeEGETKEY is the fake's keys for a request that it would make itself.
func fakeEGETKEY(cpu *fakeCPU) func(sgx.KeyRequest) ([16]byte, error) {
	return func(r sgx.KeyRequest) ([16]byte, error) {
		return cpu.SealingKey(sealing.KeyRequest{Binding: sealing.Binding(r.Policy), SVN: r.SVN, CPUSVN: r.CPUSVN, KeyID: r.KeyID})
	}
}

// Blobs of EGo's form, made on the day it could first be opened.
func TestGoldenEGo(t *testing.T) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	one, other := egoRequest(2, 5, cpu.level.CPUSVN, [32]byte(pattern(32))), egoRequest(2, 4, cpu.level.CPUSVN, [32]byte{3})
	for file, requests := range map[string][]sgx.KeyRequest{"ego-128": {one}, "ego-256": {one, other}} {
		name := filepath.Join("testdata", file+".sealed")
		if *writeGolden {
			blob := egoSealed(t, fakeEGETKEY(cpu), []byte("sealed by EGo"), additional, requests...)
			if err := os.WriteFile(name, blob, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		blob, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.OpenEGo(blob, additional); string(got) != "sealed by EGo" || err != nil {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
}

func FuzzOpenEGo(f *testing.F) {
	cpu := newCPU()
	s := sealing.New(cpu, sealing.ToSigner)
	r := egoRequest(2, 5, cpu.level.CPUSVN, [32]byte{1})
	sealed := map[string]bool{}
	for _, requests := range [][]sgx.KeyRequest{{r}, {r, r}} {
		blob := egoSealed(f, fakeEGETKEY(cpu), []byte("secret"), nil, requests...)
		sealed[string(blob)] = true
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		before := slices.Clone(blob)
		if got, err := s.OpenEGo(blob, nil); err == nil && !sealed[string(blob)] || err != nil && got != nil {
			t.Errorf("%d bytes opened as %q, %v", len(blob), got, err)
		}
		if !bytes.Equal(blob, before) {
			t.Error("the blob was changed")
		}
	})
}
