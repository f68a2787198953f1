package sealing

import "encoding/binary"

const (
	chunkSize   = 64 << 10
	tagSize     = 16
	sealedChunk = chunkSize + tagSize
	maxChunks   = 1<<32 - 1

	// batch is how many chunks a stream holds in memory: less than 1 MiB.
	batch = 15
)

// chunkCount is how many chunks n bytes of plaintext have: the full ones and
// the last, which is always shorter, and empty if need be. So nobody has to
// look ahead to know whether a chunk is the last.
func chunkCount(n uint64) uint64 { return n/chunkSize + 1 }

// sealedSize is how many bytes the chunks of n bytes of plaintext have.
func sealedSize(n uint64) uint64 { return n + chunkCount(n)*tagSize }

// plainSize is how many bytes of plaintext n bytes of chunks have, if that
// many can be.
func plainSize(n uint64) (size uint64, ok bool) {
	full, last := n/sealedChunk, n%sealedChunk
	return n - (full+1)*tagSize, last >= tagSize && full < maxChunks
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

// slot is the place of chunk i in a buffer for a batch, or for all of them if
// they are fewer.
func slot(buf []byte, i int) []byte { return buf[i%batch*sealedChunk:][:sealedChunk:sealedChunk] }

// part is the plaintext of chunk i in b.
func part(b []byte, i int) []byte { return b[i*chunkSize:][:chunkSize:chunkSize] }

// seal seals a full chunk. Both may be the same memory.
func (b *sealed) seal(to, plain []byte, number uint64) {
	b.chunks.Seal(to[:0], nonce(number, false), plain, nil)
}

// open opens a full chunk, and reports whether it is authentic.
func (b *sealed) open(to, sealed []byte, number uint64) bool {
	_, err := b.chunks.Open(to[:0], nonce(number, false), sealed, nil)
	return err == nil
}

// sealLast seals the last chunk, which is shorter than the others.
func (b *sealed) sealLast(to, plain []byte, number uint64) []byte {
	return b.chunks.Seal(to[:0], nonce(number, true), plain, nil)
}

// openLast opens it.
func (b *sealed) openLast(to, sealed []byte, number uint64) ([]byte, error) {
	plain, err := b.chunks.Open(to[:0], nonce(number, true), sealed, nil)
	if err != nil {
		return nil, b.refused
	}
	return plain, nil
}
