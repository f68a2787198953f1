//go:build linux && amd64

package ego_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform/ego"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// process is the memory of this very process, as the simulator sees that of
// its child: through the kernel, so that a bad address is an error.
type process struct {
	mem   *os.File
	arena uint64

	mu   sync.Mutex
	used [64]bool // the arena's slots
}

const slotSize = 16 << 10

func thisProcess(t *testing.T) *process {
	t.Helper()
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no access to the own memory: %v", err)
	}
	t.Cleanup(func() { mem.Close() })
	p := &process{mem: mem}
	arena, err := syscall.Mmap(-1, 0, len(p.used)*slotSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(arena) })
	p.arena = uint64(uintptr(unsafe.Pointer(&arena[0])))
	return p
}

func (p *process) Read(addr uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := p.mem.ReadAt(b, int64(addr))
	return b, err
}

func (p *process) Write(addr uint64, b []byte) error {
	_, err := p.mem.WriteAt(b, int64(addr))
	return err
}

func (p *process) Alloc(n int) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, used := range p.used {
		if !used && n <= slotSize {
			p.used[i] = true
			return p.arena + uint64(i)*slotSize, nil
		}
	}
	return 0, errors.New("no room")
}

func (p *process) Free(addr uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := (addr - p.arena) / slotSize
	if (addr-p.arena)%slotSize != 0 || i >= uint64(len(p.used)) || !p.used[i] {
		return false
	}
	p.used[i] = false
	return true
}

// allocated counts what has not been freed.
func (p *process) allocated() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, used := range p.used {
		if used {
			n++
		}
	}
	return n
}

func (p *process) word(t *testing.T, addr uintptr) uint64 {
	t.Helper()
	b, err := p.Read(uint64(addr), 8)
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(b)
}

func (p *process) setWord(t *testing.T, addr uintptr, v uint64) {
	t.Helper()
	p.set(t, uint64(addr), binary.LittleEndian.AppendUint64(nil, v))
}

func (p *process) set(t *testing.T, addr uint64, b []byte) {
	t.Helper()
	if err := p.Write(addr, b); err != nil {
		t.Fatal(err)
	}
}

// simulated is a machine with the runtime of one of its enclaves, in whose
// place this process is.
type simulated struct {
	*process
	machine *sim.Machine
	enclave *sim.Enclave
	runtime *ert.Runtime

	// after, if set, may spoil the answer of a call other than a free.
	after func(number int, a [6]uintptr, result uintptr, errno syscall.Errno) (uintptr, syscall.Errno)
}

var identity = sim.Identity{MRENCLAVE: [32]byte{1, 31: 2}, MRSIGNER: [32]byte{3, 31: 4}, ProductID: 5, SVN: 6}

func simulate(t *testing.T) *simulated {
	t.Helper()
	machine, err := sim.Open(filepath.Join(t.TempDir(), "machine"))
	if err != nil {
		t.Fatal(err)
	}
	enclave := machine.Enclave(identity)
	return &simulated{process: thisProcess(t), machine: machine, enclave: enclave, runtime: ert.New(enclave, machine)}
}

func (s *simulated) call(number uintptr, a [6]uintptr) (uintptr, syscall.Errno) {
	var args [6]uint64
	for i := range a {
		args[i] = uint64(a[i])
	}
	result := uintptr(s.runtime.Call(s, int(number), args))
	if s.after != nil && number != oe.CallFreeReport && number != oe.CallFreeSealKey {
		return s.after(int(number), a, result, 0)
	}
	return result, 0
}

func (s *simulated) open(t *testing.T) *ego.Platform {
	t.Helper()
	p, err := ego.OpenWith(s.call)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
