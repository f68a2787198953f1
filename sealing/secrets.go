package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// secrets are the two keys of a blob.
type secrets struct {
	mac    []byte // of the header: it commits to the key, so it comes first
	chunks cipher.AEAD
}

// secrets asks the platform for the key of h, and derives from it.
func (s *Sealer) secrets(h *header) (*secrets, error) {
	key, err := s.keys.SealingKey(KeyRequest{
		Binding: h.binding,
		KeyID:   h.keyID,
		SVN:     h.level.SVN,
		CPUSVN:  h.level.CPUSVN,
	})
	if err != nil {
		return nil, fmt.Errorf("asking the platform for the key: %w", err)
	}
	if key == [16]byte{} {
		return nil, errZeroKey
	}
	return derive(key, h)
}

// derive makes both keys of h from the platform's key: one HKDF extract, two
// expands.
func derive(key [16]byte, h *header) (*secrets, error) {
	prk, err := hkdf.Extract(sha256.New, key[:], h.salt[:])
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Expand(sha256.New, prk, h.info("header"), 32)
	if err != nil {
		return nil, err
	}
	chunks, err := hkdf.Expand(sha256.New, prk, h.info("chunks"), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(chunks)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &secrets{mac, aead}, nil
}

func (h *header) info(label string) string {
	return "cleave sealing" + string([]byte{version, suite, byte(h.level.Source), byte(h.binding)}) + label
}

// sign returns the MAC of h and of the additional data. It is of what was
// parsed, not of the bytes that were: those may not have stayed the same.
func (k *secrets) sign(h *header, additional []byte) []byte {
	mac := hmac.New(sha256.New, k.mac)
	mac.Write(binary.LittleEndian.AppendUint64(h.append(nil), uint64(len(additional))))
	mac.Write(additional)
	return mac.Sum(nil)
}

// verify reports whether mac is that of h and of the additional data, taking
// the same time whatever the answer.
func (k *secrets) verify(h *header, mac [macSize]byte, additional []byte) bool {
	return hmac.Equal(k.sign(h, additional), mac[:])
}
