package ert_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"
)

const (
	dataBase  = 0x10000
	arenaBase = 0x7f0000000000
)

var errFault = errors.New("fault")

// memory is that of a fake process: data at dataBase, an arena at arenaBase,
// nothing anywhere else. Its accesses are counted, and those fail for which
// fail says so.
type memory struct {
	mu    sync.Mutex
	data  []byte
	arena []byte
	live  map[uint64]int // size by address
	count int
	fail  func(n int) bool // n counts from 1; nil never fails
}

func newMemory(arena int) *memory {
	// What was there before is recognised if it is still there afterwards.
	return &memory{
		data:  bytes.Repeat([]byte{0xAA}, 1<<16),
		arena: make([]byte, arena),
		live:  map[uint64]int{},
	}
}

func (m *memory) faults() bool {
	m.count++
	return m.fail != nil && m.fail(m.count)
}

func (m *memory) at(addr uint64, n int) ([]byte, error) {
	if m.faults() {
		return nil, errFault
	}
	for base, region := range map[uint64][]byte{dataBase: m.data, arenaBase: m.arena} {
		if offset := addr - base; offset <= uint64(len(region)) && uint64(n) <= uint64(len(region))-offset {
			return region[offset:][:n], nil
		}
	}
	return nil, errFault
}

func (m *memory) Read(addr uint64, n int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.at(addr, n)
	return bytes.Clone(b), err
}

func (m *memory) Write(addr uint64, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dst, err := m.at(addr, len(b))
	copy(dst, b)
	return err
}

// Alloc takes the first gap.
func (m *memory) Alloc(n int) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults() {
		return 0, errFault
	}
	addr := uint64(arenaBase)
	for _, taken := range slices.Sorted(maps.Keys(m.live)) {
		if taken-addr >= uint64(n) {
			break
		}
		addr = taken + uint64(m.live[taken])
	}
	if addr+uint64(n) > arenaBase+uint64(len(m.arena)) {
		return 0, errFault
	}
	m.live[addr] = n
	return addr, nil
}

func (m *memory) Free(addr uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.live[addr]
	delete(m.live, addr)
	return ok
}

// put stores b and returns its address.
func (m *memory) put(offset int, b []byte) uint64 {
	copy(m.data[offset:], b)
	return dataBase + uint64(offset)
}

func (m *memory) word(addr uint64) uint64 {
	return binary.LittleEndian.Uint64(m.data[addr-dataBase:])
}

// bytes returns what a call delivered.
func (m *memory) bytes(addrAt, sizeAt uint64) []byte {
	b, err := m.Read(m.word(addrAt), int(m.word(sizeAt)))
	if err != nil {
		panic(err)
	}
	return b
}

func (m *memory) text(addr uint64) string {
	b := m.arena[addr-arenaBase:]
	return string(b[:bytes.IndexByte(b, 0)])
}
