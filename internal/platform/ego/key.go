package ego

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

const keySize = 16

var (
	errKeySize = errors.New("the runtime's answer is not a key of 16 bytes")
	errZeroKey = errors.New("the runtime's answer is sixteen zero bytes, which is EGo's simulation of a key")
)

// Level is the CPU's: a key for every blob, by the security versions that
// this enclave and its CPU had at Open.
func (p *Platform) Level() sealing.Level {
	return sealing.Level{Source: sealing.SourceCPU, SVN: p.self.SVN, CPUSVN: p.self.CPUSVN}
}

// SealingKey is EGETKEY. Versions above those of [Platform.Level] are refused
// with [oe.InvalidISVSVN] or [oe.InvalidCPUSVN].
func (p *Platform) SealingKey(request sealing.KeyRequest) ([16]byte, error) {
	r, err := platform.SealKeyRequest(request)
	if err != nil {
		return [16]byte{}, fmt.Errorf("ego: sealing key: %w", err)
	}
	key, err := p.egetkey(r)
	if err != nil {
		return [16]byte{}, fmt.Errorf("ego: sealing key: %w", err)
	}
	return key, nil
}

// egetkey never succeeds without a key: not for ENOSYS, and not for the zero
// key.
func (p *Platform) egetkey(request sgx.KeyRequest) ([16]byte, error) {
	b := request.Append(nil)
	out := new(buffer)
	err := p.invoke(oe.CallSealKey,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unsafe.Pointer(&out.addr)), uintptr(unsafe.Pointer(&out.size)),
		0, 0)
	if err != nil {
		return [16]byte{}, err
	}
	defer p.freeKey(out)
	key := out.copy(keySize, keySize)
	if key == nil {
		return [16]byte{}, errKeySize
	}
	if [keySize]byte(key) == [keySize]byte{} {
		return [16]byte{}, errZeroKey
	}
	return [keySize]byte(key), nil
}

// freeKey has the runtime wipe the key and free it.
func (p *Platform) freeKey(out *buffer) {
	_ = p.invoke(oe.CallFreeSealKey, out.addr, 0, 0, 0, 0, 0)
}
