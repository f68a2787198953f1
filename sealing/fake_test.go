package sealing_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/cleave-sdk/cleave/sealing"
)

// fakeCPU derives keys as a CPU does: from a root that it shares with the other
// enclaves on the machine, and all of the request. It refuses versions above
// its own, and remembers what it was asked for.
type fakeCPU struct {
	level sealing.Level
	root  string
	err   error

	mu       sync.Mutex
	requests []sealing.KeyRequest
}

var errRefused = errors.New("the CPU refuses")

func newCPU() *fakeCPU {
	return &fakeCPU{root: "machine", level: sealing.Level{
		Source: sealing.SourceCPU,
		SVN:    5,
		CPUSVN: [16]byte{5, 5, 5, 5, 15: 5},
	}}
}

func newFixed() *fakeCPU {
	return &fakeCPU{root: "machine", level: sealing.Level{Source: sealing.SourceFixed}}
}

func (f *fakeCPU) Level() sealing.Level { return f.level }

func (f *fakeCPU) SealingKey(r sealing.KeyRequest) (key [16]byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	if f.err != nil || r.SVN > f.level.SVN {
		return key, errors.Join(errRefused, f.err)
	}
	mac := hmac.New(sha256.New, []byte(f.root))
	mac.Write([]byte{byte(f.level.Source), byte(r.Binding)})
	if f.level.Source == sealing.SourceCPU {
		mac.Write(binary.LittleEndian.AppendUint16(nil, r.SVN))
		mac.Write(r.CPUSVN[:])
		mac.Write(r.KeyID[:])
		mac.Write([]byte{byte(r.Separation), byte(r.ConfigSVN), byte(r.ConfigSVN >> 8)})
	}
	return [16]byte(mac.Sum(nil)), nil
}

// asked returns what was asked for since it was last called.
func (f *fakeCPU) asked() []sealing.KeyRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.requests
	f.requests = nil
	return asked
}

// kss is a CPU whose platform offers some separations.
type kss struct {
	*fakeCPU
	offered sealing.Separation
}

func (k kss) Separations() sealing.Separation { return k.offered }

type zeroKeys struct{ *fakeCPU }

func (z zeroKeys) SealingKey(sealing.KeyRequest) (key [16]byte, err error) { return key, nil }

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7>>3 + i>>16*31) // no two chunks are alike
	}
	return b
}

// with returns a copy of blob with b at offset.
func with(blob []byte, offset int, b ...byte) []byte {
	blob = slices.Clone(blob)
	copy(blob[offset:], b)
	return blob
}
