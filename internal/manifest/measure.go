package manifest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

const maxExecutable = 4 << 30 // bytes

// Measure returns a simulated MRENCLAVE: SHA-256 of the executable's bytes, of
// all that the manifest says and of what its files held when it was loaded.
// Paths count as written, so that it does not matter where the manifest lies.
//
// It is not what the hardware measures. Like there, no two different enclaves
// have the same; and nothing that is not in it can be trusted to be as it was.
func (m *Manifest) Measure() ([32]byte, error) {
	return m.MeasureRunning(m.Executable())
}

func sum(path string) (digest [32]byte, err error) {
	f, size, err := openRegular(path, maxExecutable)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyN(h, f, size); err != nil {
		return digest, fmt.Errorf("%s was cut while it was read: %w", path, err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// measurement hashes values one after another, each so that it cannot run into
// the next.
type measurement struct{ hash.Hash }

func (h measurement) manifest(m *Manifest) {
	h.text(m.Exe)
	h.text(m.Key)
	h.flag(m.Debug)
	h.number(m.HeapSize)
	h.flag(m.ExecutableHeap)
	h.number(int(m.ProductID))
	h.number(int(m.SVN))
	h.number(len(m.Mounts))
	for _, mount := range m.Mounts {
		h.text(mount.Source)
		h.text(mount.Target)
		h.text(mount.Type)
		h.flag(mount.ReadOnly)
	}
	h.number(len(m.Env))
	for _, env := range m.Env {
		h.text(env.Name)
		h.text(env.Value)
		h.flag(env.FromHost)
	}
	h.number(len(m.Files))
	for _, f := range m.Files {
		h.text(f.Source)
		h.text(f.Target)
		h.number(len(f.Content))
		h.Write(f.Content)
	}
}

func (h measurement) text(s string) {
	h.number(len(s))
	io.WriteString(h, s)
}

func (h measurement) number(n int) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (h measurement) flag(b bool) {
	if b {
		h.number(1)
		return
	}
	h.number(0)
}
