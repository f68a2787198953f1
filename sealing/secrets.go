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
	key, err := s.platformKey(h.request())
	if err != nil {
		return nil, err
	}
	return derive(key, h)
}

func (s *Sealer) platformKey(r KeyRequest) ([16]byte, error) {
	key, err := s.keys.SealingKey(r)
	if err != nil {
		return key, fmt.Errorf("asking the platform for the key: %w", err)
	}
	if key == [16]byte{} {
		return key, errZeroKey
	}
	return key, nil
}

func (h *header) request() KeyRequest {
	return KeyRequest{
		Binding:    h.binding,
		Separation: h.separation,
		KeyID:      h.keyID,
		SVN:        h.level.SVN,
		CPUSVN:     h.level.CPUSVN,
		ConfigSVN:  h.level.ConfigSVN,
	}
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
	aead, err := newGCM(chunks)
	if err != nil {
		return nil, err
	}
	return &secrets{mac, aead}, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (h *header) info(label string) string {
	fields := []byte{version, suite, byte(h.level.Source), byte(h.binding), byte(h.separation)}
	return "cleave sealing" + string(fields) + label
}

// sign returns the MAC of h and of the additional data. It is of what was
// parsed, not of the bytes that were: those may not have stayed the same.
func (k *secrets) sign(h *header, additional []byte) (sum [macSize]byte) {
	mac := hmac.New(sha256.New, k.mac)
	mac.Write(binary.LittleEndian.AppendUint64(h.append(nil), uint64(len(additional))))
	mac.Write(additional)
	mac.Sum(sum[:0])
	return sum
}

// verify reports whether mac is that of h and of the additional data, taking
// the same time whatever the answer.
func (k *secrets) verify(h *header, mac [macSize]byte, additional []byte) bool {
	sum := k.sign(h, additional)
	return hmac.Equal(sum[:], mac[:])
}
