package sim

import (
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	json "github.com/go-json-experiment/json"
)

// Fixed is a machine whose keys are known: of the given bytes, and of a
// certified rest that differs each time.
func Fixed(fuse, epoch byte) *Machine {
	s, err := newState(time.Now())
	if err != nil {
		panic(err)
	}
	for i := range s.FuseKey {
		s.FuseKey[i] = fuse
	}
	for i := range s.OwnerEpoch {
		s.OwnerEpoch[i] = epoch
	}
	m, err := s.machine()
	if err != nil {
		panic(err)
	}
	return m
}

// Updated is the same machine after a TCB recovery, or before it.
func (m *Machine) Updated(cpuSVN [16]byte) *Machine {
	cpu := *m.cpu
	cpu.platform.CPUSVN = cpuSVN
	return &Machine{cpu: &cpu, keeper: m.keeper, now: m.now}
}

// SetNow sets the clock of the collateral.
func (m *Machine) SetNow(now time.Time) { m.now = func() time.Time { return now } }

// Secrets are what must never be printed.
func (m *Machine) Secrets() [][]byte {
	return [][]byte{m.cpu.fuses[:], privateBytes(m.cpu.pck), privateBytes(m.cpu.authority.Root)}
}

func DecodeState(b []byte) (encoded []byte, err error) {
	s, err := decodeState(b)
	if err != nil {
		return nil, err
	}
	return s.encode()
}

func privateBytes(e *issue.Entity) []byte {
	b, err := e.Key.Bytes()
	if err != nil {
		panic(err)
	}
	return b
}

// EncodeVersion1 is the state as the first version of the simulator wrote it.
func EncodeVersion1(b []byte) []byte {
	s, err := decodeState(b)
	if err != nil {
		panic(err)
	}
	s.TCB, s.Revoked = nil, nil
	machine, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	if b, err = json.Marshal(envelope{1, checksum(machine), machine}); err != nil {
		panic(err)
	}
	return b
}
