package sealing

import (
	"crypto/cipher"
	"encoding/binary"
)

const (
	tagSize   = 16
	maxChunks = 1<<32 - 1
)

// chunkCount is how many chunks n bytes of plaintext have: at least one, and
// none is empty but the only one.
func chunkCount(n uint64) uint64 { return max(1, (n+chunkSize-1)/chunkSize) }

// plainSize is how many bytes of plaintext n bytes of chunks have, if that
// many can be.
func plainSize(n uint64) (size uint64, ok bool) {
	count := max(1, (n+chunkSize+tagSize-1)/(chunkSize+tagSize))
	size = n - count*tagSize
	return size, n >= count*tagSize && count <= maxChunks && chunkCount(size) == count
}

// nonce of the chunk with that number. The key is of one blob only, so the
// number suffices; the last chunk has another, so that none can be cut off or
// added (the STREAM construction).
func nonce(number uint64, last bool) []byte {
	n := binary.LittleEndian.AppendUint64(make([]byte, 0, 12), number)
	if last {
		return append(n, 1, 0, 0, 0)
	}
	return append(n, 0, 0, 0, 0)
}

// appendSealed appends the chunks of plaintext to blob.
func appendSealed(blob []byte, aead cipher.AEAD, plaintext []byte) []byte {
	for number := uint64(0); ; number++ {
		n := min(len(plaintext), chunkSize)
		last := n == len(plaintext)
		blob = aead.Seal(blob, nonce(number, last), plaintext[:n], nil)
		plaintext = plaintext[n:]
		if last {
			return blob
		}
	}
}

// openChunks returns the plaintext of chunks: the whole or nothing, and size
// bytes. Each chunk is copied before it is checked, because GCM reads it twice
// and the host may be able to write there.
func openChunks(aead cipher.AEAD, chunks []byte, size uint64) ([]byte, error) {
	plaintext := make([]byte, 0, size+tagSize)
	for number := uint64(0); ; number++ {
		n := min(len(chunks), chunkSize+tagSize)
		last := n == len(chunks)
		chunk := append(plaintext, chunks[:n]...)[len(plaintext):]
		opened, err := aead.Open(plaintext, nonce(number, last), chunk, nil)
		if err != nil {
			clear(plaintext[:cap(plaintext)])
			return nil, ErrOpen
		}
		plaintext, chunks = opened, chunks[n:]
		if last {
			return plaintext, nil
		}
	}
}
