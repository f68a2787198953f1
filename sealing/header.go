package sealing

import (
	"encoding/binary"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// The format: see FORMAT.md. These sizes and numbers are for ever.
const (
	magic      = "CLVSEAL"
	version    = 1
	suite      = 1 // HKDF and HMAC with SHA-256, AES-256-GCM
	headerSize = 160
	macSize    = 32
	chunkSize  = 64 << 10
)

// header is what a blob says of itself. Parsed is not verified: its MAC is.
type header struct {
	binding     Binding
	level       Level
	keyID       [32]byte
	salt        [32]byte
	predecessor [32]byte // digest of the blob that this one replaces, or zero
}

// parseHeader parses the header at the start of blob, and returns its MAC and
// the chunks that follow.
func parseHeader(blob []byte) (h *header, mac [macSize]byte, chunks []byte, err error) {
	if len(blob) < len(magic)+1 || string(blob[:len(magic)]) != magic {
		return nil, mac, nil, ErrFormat
	}
	if v := blob[len(magic)]; v != version {
		return nil, mac, nil, fmt.Errorf("%w: format version %d, not %d", ErrFormat, v, version)
	}
	s := lebyte.String(blob[len(magic)+1:])
	if len(s) < headerSize-len(magic)-1+macSize {
		return nil, mac, nil, errTruncated
	}
	h = new(header)
	if !h.read(&s) || !s.Copy(mac[:]) {
		return nil, mac, nil, errHeader
	}
	return h, mac, s, nil
}

// read reads what follows magic and version.
func (h *header) read(s *lebyte.String) bool {
	var readSuite uint8
	var readChunkSize uint32
	return s.Uint8(&readSuite) && readSuite == suite &&
		s.Uint8((*uint8)(&h.level.Source)) && h.level.Source.valid() &&
		s.Uint8((*uint8)(&h.binding)) && h.binding.valid() &&
		s.Zero(1) &&
		s.Uint32(&readChunkSize) && readChunkSize == chunkSize &&
		s.Uint16(&h.level.SVN) &&
		s.Zero(14) &&
		s.Copy(h.level.CPUSVN[:]) &&
		s.Zero(16) &&
		s.Copy(h.keyID[:]) &&
		s.Copy(h.salt[:]) &&
		s.Copy(h.predecessor[:]) &&
		h.level == h.level.stated()
}

// append appends the 160 bytes of h to b.
func (h *header) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, version, suite, byte(h.level.Source), byte(h.binding), 0)
	b = binary.LittleEndian.AppendUint32(b, chunkSize)
	b = binary.LittleEndian.AppendUint16(b, h.level.SVN)
	b = append(b, make([]byte, 14)...)
	b = append(b, h.level.CPUSVN[:]...)
	b = append(b, make([]byte, 16)...)
	b = append(b, h.keyID[:]...)
	b = append(b, h.salt[:]...)
	return append(b, h.predecessor[:]...)
}

// stated is l as a header states it: without the versions that its keys do not
// depend on, because anybody could write them.
func (l Level) stated() Level {
	if l.Source == SourceFixed {
		return Level{Source: SourceFixed}
	}
	return l
}
