package gramine

import (
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/sealing"
)

const keySize = 16

var (
	errBinding = errors.New("no such binding")
	errKSS     = errors.New("there are no keys here that need KSS: those of Gramine are fixed")
	errKey     = errors.New("it has no key of 16 bytes")
	errZeroKey = errors.New("it has sixteen zero bytes for a key")
)

// Level says that the keys are fixed: Gramine hands out one for each binding,
// as EGETKEY derives it for the versions that the enclave and its CPU have
// when the program starts, so that
//
//   - what was sealed before the CPU's microcode, or for ToSigner the enclave's
//     version, was raised does not open any more;
//   - no floor below which blobs are refused can be asked for;
//   - the same key encrypts files that the manifest mounts under it.
//
// Programs that have to survive updates bring a key in by attestation instead.
func (p *Platform) Level() sealing.Level { return sealing.Level{Source: sealing.SourceFixed} }

// SealingKey reads the key of the binding, on which alone it depends.
func (p *Platform) SealingKey(request sealing.KeyRequest) ([16]byte, error) {
	key, err := p.sealingKey(request)
	if err != nil {
		return [16]byte{}, fmt.Errorf("gramine: sealing key: %w", err)
	}
	return key, nil
}

func (p *Platform) sealingKey(request sealing.KeyRequest) ([16]byte, error) {
	if request.Separation != 0 || request.ConfigSVN != 0 {
		return [16]byte{}, errKSS
	}
	switch request.Binding {
	case sealing.ToEnclave:
		return p.readKey(keyOfEnclave)
	case sealing.ToSigner:
		return p.readKey(keyOfSigner)
	}
	return [16]byte{}, errBinding
}

// readKey needs no turn: nothing is written for it.
func (p *Platform) readKey(name string) ([16]byte, error) {
	b, err := p.tree.read(name, keySize)
	if err != nil {
		return [16]byte{}, err
	}
	defer clear(b)
	if len(b) != keySize {
		return [16]byte{}, fmt.Errorf("%s: %w", name, errKey)
	}
	if key := [keySize]byte(b); key != [keySize]byte{} {
		return key, nil
	}
	return [16]byte{}, fmt.Errorf("%s: %w", name, errZeroKey)
}
