package sealing

import (
	"crypto/rand"
	"fmt"
)

// Sealer seals and opens blobs under one binding. It is safe for concurrent
// use if its Keys are, and if its fields are not changed meanwhile. The zero
// Sealer refuses everything.
type Sealer struct {
	// MinSVN is the lowest security version of an enclave whose blobs are
	// opened. If zero, the blobs of every earlier build are, and every earlier
	// build can forge them.
	MinSVN uint16

	// MinCPUSVN is the same for the CPU: each of its sixteen versions is a floor
	// for the one in its place. If zero, blobs of every microcode are opened.
	MinCPUSVN [16]byte

	keys    Keys
	binding Binding
}

// New returns a Sealer that has its keys from keys, in a trusted half the
// platform. If keys is nil or the binding is neither [ToEnclave] nor
// [ToSigner], it refuses to seal and to open.
func New(keys Keys, binding Binding) *Sealer {
	return &Sealer{keys: keys, binding: binding}
}

// Seal returns plaintext, which may be empty, as a blob 208 bytes longer, and
// another 16 for each 64 KiB after the first. The additional data is not in
// it, but it opens only together with the same: say there what the blob is,
// such as its name, so that the host cannot pass off one for another.
//
// Whatever is wrong, it returns no blob: nothing weaker takes the place of the
// platform's key.
func (s *Sealer) Seal(plaintext, additional []byte) ([]byte, error) {
	blob, err := s.seal(plaintext, additional)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return blob, nil
}

func (s *Sealer) seal(plaintext, additional []byte) ([]byte, error) {
	own, err := s.level()
	if err != nil {
		return nil, err
	}
	if chunkCount(uint64(len(plaintext))) > maxChunks {
		return nil, errTooLarge
	}
	h := &header{binding: s.binding, level: own}
	rand.Read(h.keyID[:])
	rand.Read(h.salt[:])
	k, err := s.secrets(h)
	if err != nil {
		return nil, err
	}
	return k.seal(h, plaintext, additional), nil
}

func (k *secrets) seal(h *header, plaintext, additional []byte) []byte {
	count := int(chunkCount(uint64(len(plaintext))))
	blob := make([]byte, 0, headerSize+macSize+len(plaintext)+count*tagSize)
	blob = h.append(blob)
	blob = append(blob, k.sign(h, additional)...)
	return appendSealed(blob, k.chunks, plaintext)
}

// Open returns the plaintext of a blob, all of it or nothing, given the same
// additional data. It takes memory for the plaintext and nothing else that
// grows with the blob.
//
// Errors are those of this package, [ErrOpen] foremost, and the platform's if
// it gives no key.
func (s *Sealer) Open(blob, additional []byte) ([]byte, error) {
	plaintext, err := s.open(blob, additional)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return plaintext, nil
}

func (s *Sealer) open(blob, additional []byte) ([]byte, error) {
	own, err := s.level()
	if err != nil {
		return nil, err
	}
	h, mac, chunks, err := parseHeader(blob)
	if err != nil {
		return nil, err
	}
	if err := s.check(h, own); err != nil {
		return nil, err
	}
	size, ok := plainSize(uint64(len(chunks)))
	if !ok {
		return nil, errTruncated
	}
	k, err := s.secrets(h)
	if err != nil {
		return nil, err
	}
	if !k.verify(h, mac, additional) {
		return nil, ErrOpen
	}
	return openChunks(k.chunks, chunks, size)
}
