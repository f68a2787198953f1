package occlum

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

var errZeroKey = errors.New("the answer is sixteen zero bytes, which is no key")

// Level is the CPU's: a key for every blob, by the security versions that this
// enclave and its CPU had at Open.
func (p *Platform) Level() sealing.Level {
	return sealing.Level{Source: sealing.SourceCPU, SVN: p.self.SVN, CPUSVN: p.self.CPUSVN}
}

// SealingKey is EGETKEY. Versions above those of [Platform.Level] are refused.
func (p *Platform) SealingKey(r sealing.KeyRequest) ([16]byte, error) {
	key, err := p.sealingKey(r)
	if err != nil {
		return [16]byte{}, fmt.Errorf("occlum: sealing key: %w", err)
	}
	return key, nil
}

func (p *Platform) sealingKey(r sealing.KeyRequest) ([16]byte, error) {
	request, err := platform.SealKeyRequest(r)
	if err != nil {
		return [16]byte{}, err
	}
	return p.egetkey(request)
}

// egetkey leaves no copy of the key behind but the one it returns.
func (p *Platform) egetkey(request sgx.KeyRequest) ([16]byte, error) {
	argument := &keyArgument{
		request: (*[512]byte)(request.Append(nil)),
		key:     new([16]byte),
	}
	defer clear(argument.key[:])
	if err := p.call("GET_KEY", requestKey, unsafe.Pointer(argument)); err != nil {
		return [16]byte{}, err
	}
	if *argument.key == [16]byte{} {
		return [16]byte{}, errZeroKey
	}
	return *argument.key, nil
}
