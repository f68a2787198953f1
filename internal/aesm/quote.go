package aesm

import "encoding/binary"

// Sizes of quotes in bytes: what stands before the length of the signature
// data, and the most that is taken.
const (
	quoteHead = 48 + 384
	maxQuote  = 64 << 10
)

// trim takes off what the service padded the quote with. It is not verified,
// but is what it says.
func trim(b []byte) ([]byte, bool) {
	if len(b) < quoteHead+4 {
		return nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b[quoteHead:])) + quoteHead + 4
	if n == quoteHead+4 || n > uint64(len(b)) {
		return nil, false
	}
	return b[:n:n], true
}
