package sealing

import "fmt"

// LeadSize is how many bytes of a blob [Info] needs.
const LeadSize = leadSize

// Header is what anybody can read of a blob without a key, and could have
// written there: good for a diagnosis, not for a decision.
type Header struct {
	Version     int // of the format
	Binding     Binding
	Separation  Separation
	Level       Level    // what the blob was sealed under
	Digest      [32]byte // of the blob: no two have the same
	Predecessor [32]byte // the Digest of the one that it replaces under a [Guard], or zero
}

// Info reads the header of blob, of which the first [LeadSize] bytes suffice.
// The error wraps [ErrFormat].
func Info(blob []byte) (Header, error) {
	h, mac, err := parseLead(blob)
	if err != nil {
		return Header{}, fmt.Errorf("sealing: %w", err)
	}
	return h.shown(mac), nil
}

func (h *header) shown(mac [macSize]byte) Header {
	return Header{version, h.binding, h.separation, h.level, h.digest(mac), h.predecessor}
}

// Size returns how many bytes of plaintext a blob of this format has that is
// sealed bytes long, and in how many chunks. The error wraps [ErrFormat]: no
// blob has that length.
func (h Header) Size(sealed int64) (plain, chunks int64, err error) {
	if sealed >= leadSize {
		if n, ok := plainSize(uint64(sealed - leadSize)); ok {
			return int64(n), int64(chunkCount(n)), nil
		}
	}
	return 0, 0, fmt.Errorf("sealing: %w", errTruncated)
}
