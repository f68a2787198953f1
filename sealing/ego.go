package sealing

import (
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

const egoNonceSize = 12

var (
	errEGo     = fmt.Errorf("%w: not what EGo's ecrypto makes", ErrFormat)
	errEGoKeys = fmt.Errorf("%w: EGo's blobs need a CPU's keys, without Separation", errors.ErrUnsupported)
)

// OpenEGo returns the plaintext of a blob that EGo's package ecrypto has made,
// so that it can be sealed anew: by SealWithUniqueKey or SealWithUniqueKey256
// if the Sealer is [ToEnclave], by SealWithProductKey or SealWithProductKey256
// if it is [ToSigner]. Additional data and errors are as for [Sealer.Open].
//
// Such a blob names the key it is to be opened with, and EGo obeys: a host can
// have it name one that any enclave with the same product ID gets, and so forge
// it. Here, it must name exactly the key that the Sealer's binding calls for,
// and versions that its floors allow, before any key is asked for. What EGo
// makes has no place for a predecessor, and no name: give a host that has kept
// old ones as little time as possible.
func (s *Sealer) OpenEGo(blob, additional []byte) ([]byte, error) {
	plaintext, err := s.openEGo(blob, additional)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return plaintext, nil
}

func (s *Sealer) openEGo(blob, additional []byte) ([]byte, error) {
	own, err := s.level()
	if err != nil {
		return nil, err
	}
	if own.Source != SourceCPU || s.Separation != 0 {
		return nil, errEGoKeys
	}
	headers, sealed, err := s.parseEGo(blob)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		if err := s.check(h, own); err != nil {
			return nil, err
		}
	}
	var key []byte
	for _, h := range headers {
		half, err := s.platformKey(h.request())
		if err != nil {
			return nil, err
		}
		key = append(key, half[:]...)
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(sealed[egoNonceSize:egoNonceSize], sealed[:egoNonceSize], sealed[egoNonceSize:], additional)
	if err != nil {
		return nil, headers[0].level.refused(own)
	}
	return plaintext, nil
}

// parseEGo returns what one key of 128 bits or two that make up one of 256 are
// to be asked for with, and a copy of nonce and ciphertext.
func (s *Sealer) parseEGo(blob []byte) (headers []*header, sealed []byte, err error) {
	var size uint32
	var requests []byte
	in := lebyte.String(blob)
	if !in.Uint32(&size) || size != sgx.KeyRequestSize && size != 2*sgx.KeyRequestSize ||
		!in.Bytes(&requests, uint64(size)) || len(in) < egoNonceSize+tagSize {
		return nil, nil, errEGo
	}
	for ; len(requests) > 0; requests = requests[sgx.KeyRequestSize:] {
		h, err := s.parseEGoRequest(requests[:sgx.KeyRequestSize])
		if err != nil {
			return nil, nil, err
		}
		headers = append(headers, h)
	}
	return headers, append([]byte(nil), in...), nil
}

// parseEGoRequest takes from a key request what may differ from one to the
// other. The rest must be what a platform asks for under the Sealer's binding:
// what is named after all is a key of the same name, policy and masks.
func (s *Sealer) parseEGoRequest(b []byte) (*header, error) {
	r, err := sgx.ParseKeyRequest(b)
	if err != nil {
		return nil, errEGo
	}
	want := sgx.KeyRequest{
		Name:          sgx.KeySeal,
		Policy:        sgx.PolicyMRENCLAVE,
		SVN:           r.SVN,
		CPUSVN:        r.CPUSVN,
		AttributeMask: sgx.SealAttributeMask,
		KeyID:         r.KeyID,
		MiscMask:      sgx.SealMiscMask,
	}
	if s.binding == ToSigner {
		want.Policy = sgx.PolicyMRSIGNER
	}
	if r != want {
		return nil, fmt.Errorf("%w: the blob asks for key %d under policy %d, where the Sealer's %v has key %d under policy %d, or for other masks",
			ErrOther, r.Name, r.Policy, s.binding, want.Name, want.Policy)
	}
	return &header{
		binding: s.binding,
		level:   Level{Source: SourceCPU, SVN: r.SVN, CPUSVN: r.CPUSVN},
		keyID:   r.KeyID,
	}, nil
}
