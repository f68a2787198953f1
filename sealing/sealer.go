package sealing

import (
	"fmt"
	"sync/atomic"
)

// Sealer seals and opens blobs under one binding. It is safe for concurrent
// use if its Keys are, and if its fields are not changed meanwhile. The zero
// Sealer refuses everything.
type Sealer struct {
	// Separation narrows the binding down. If zero, nothing does. Where the
	// platform has no such keys, everything is refused by an error that wraps
	// [errors.ErrUnsupported].
	Separation Separation

	// MinSVN is the lowest security version of an enclave whose blobs are
	// opened. If zero, the blobs of every earlier build are, and every earlier
	// build can forge them.
	MinSVN uint16

	// MinCPUSVN is the same for the CPU: each of its sixteen versions is a floor
	// for the one in its place. If zero, blobs of every microcode are opened.
	MinCPUSVN [16]byte

	// MinConfigSVN is the same for the configuration, with [ByConfig] only.
	MinConfigSVN uint16

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
// another 16 for every 64 KiB. The additional data is not in it, but it opens
// only together with the same: say there what the blob is, such as its name,
// so that the host cannot pass off one for another.
//
// Whatever is wrong, it returns no blob: nothing weaker takes the place of the
// platform's key.
func (s *Sealer) Seal(plaintext, additional []byte) ([]byte, error) {
	if chunkCount(uint64(len(plaintext))) > maxChunks {
		return nil, fmt.Errorf("sealing: %w", errTooLarge)
	}
	b, err := s.begin(additional, [32]byte{})
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return b.whole(plaintext), nil
}

// whole is the blob of which b is the lead.
func (b *sealed) whole(plaintext []byte) []byte {
	blob := make([]byte, leadSize+sealedSize(uint64(len(plaintext))))
	copy(blob, b.lead())
	full, chunks := len(plaintext)/chunkSize, blob[leadSize:]
	relay(full, always, func(i int) {
		b.seal(chunks[i*sealedChunk:][:sealedChunk], part(plaintext, i), uint64(i))
	}, always)
	b.sealLast(chunks[full*sealedChunk:], plaintext[full*chunkSize:], uint64(full))
	return blob
}

// Open returns the plaintext of a blob, all of it or nothing, given the same
// additional data. Beside the plaintext it takes at most 1 MiB of memory.
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

// open copies each chunk before it is checked: GCM reads it twice, and the host
// may be able to write where the blob is.
func (s *Sealer) open(blob, additional []byte) ([]byte, error) {
	b, err := s.verify(blob, int64(len(blob)), additional)
	if err != nil {
		return nil, err
	}
	chunks := blob[leadSize:]
	size, _ := plainSize(uint64(len(chunks)))
	plaintext, full := make([]byte, size), int(size/chunkSize)
	buf := make([]byte, min(len(chunks), batch*sealedChunk))
	var failed atomic.Bool
	relay(full, always, func(i int) {
		copied := slot(buf, i)
		copy(copied, chunks[i*sealedChunk:])
		if !b.open(part(plaintext, i), copied, uint64(i)) {
			failed.Store(true)
		}
	}, func(int) bool { return !failed.Load() })
	if failed.Load() {
		return nil, b.refused
	}
	last := buf[:copy(buf, chunks[full*sealedChunk:])]
	if _, err := b.openLast(plaintext[full*chunkSize:], last, uint64(full)); err != nil {
		return nil, err
	}
	return plaintext, nil
}
