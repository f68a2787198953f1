package sealing

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/lebyte"
)

// Magic is what every blob starts with, whatever the version of its format.
const Magic = magic

// The format: see FORMAT.md. These sizes and numbers are for ever.
const (
	magic      = "CLVSEAL"
	version    = 1
	suite      = 1 // HKDF and HMAC with SHA-256, AES-256-GCM
	headerSize = 160
	macSize    = 32
	leadSize   = headerSize + macSize // what stands before the chunks
)

// header is what a blob says of itself. Parsed is not verified: its MAC is.
type header struct {
	binding     Binding
	separation  Separation
	level       Level
	keyID       [32]byte
	salt        [32]byte
	predecessor [32]byte // digest of the blob that this one replaces, or zero
}

// parseLead parses a header and its MAC, which blob starts with.
func parseLead(blob []byte) (h *header, mac [macSize]byte, err error) {
	if len(blob) < len(magic)+1 || string(blob[:len(magic)]) != magic {
		return nil, mac, ErrFormat
	}
	if v := blob[len(magic)]; v != version {
		return nil, mac, fmt.Errorf("%w: format version %d, not %d", ErrFormat, v, version)
	}
	if len(blob) < leadSize {
		return nil, mac, errTruncated
	}
	s := lebyte.String(blob[len(magic)+1 : leadSize])
	h = new(header)
	if !h.read(&s) || !s.Copy(mac[:]) || !s.Empty() {
		return nil, mac, errHeader
	}
	return h, mac, nil
}

// read reads what follows magic and version.
func (h *header) read(s *lebyte.String) bool {
	var readSuite uint8
	var readChunkSize uint32
	return s.Uint8(&readSuite) && readSuite == suite &&
		s.Uint8((*uint8)(&h.level.Source)) && h.level.Source.valid() &&
		s.Uint8((*uint8)(&h.binding)) && h.binding.valid() &&
		s.Uint8((*uint8)(&h.separation)) && h.separation.valid() &&
		s.Uint32(&readChunkSize) && readChunkSize == chunkSize &&
		s.Uint16(&h.level.SVN) &&
		s.Uint16(&h.level.ConfigSVN) &&
		s.Zero(12) &&
		s.Copy(h.level.CPUSVN[:]) &&
		s.Zero(16) &&
		s.Copy(h.keyID[:]) &&
		s.Copy(h.salt[:]) &&
		s.Copy(h.predecessor[:]) &&
		h.level == h.level.stated(h.separation) &&
		(h.level.Source == SourceCPU || h.separation == 0)
}

// append appends the 160 bytes of h to b.
func (h *header) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, version, suite, byte(h.level.Source), byte(h.binding), byte(h.separation))
	b = binary.LittleEndian.AppendUint32(b, chunkSize)
	b = binary.LittleEndian.AppendUint16(b, h.level.SVN)
	b = binary.LittleEndian.AppendUint16(b, h.level.ConfigSVN)
	b = append(b, make([]byte, 12)...)
	b = append(b, h.level.CPUSVN[:]...)
	b = append(b, make([]byte, 16)...)
	b = append(b, h.keyID[:]...)
	b = append(b, h.salt[:]...)
	return append(b, h.predecessor[:]...)
}

// stated is l as a header states it: without the versions that its keys do not
// depend on, because anybody could write them.
func (l Level) stated(separation Separation) Level {
	if l.Source == SourceFixed {
		return Level{Source: SourceFixed}
	}
	if separation&ByConfig == 0 {
		l.ConfigSVN = 0
	}
	return l
}

// digest is that of a blob with this header and MAC, which commit to its keys.
func (h *header) digest(mac [macSize]byte) [32]byte {
	return sha256.Sum256(append(h.append(nil), mac[:]...))
}
