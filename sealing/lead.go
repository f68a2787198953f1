package sealing

import "crypto/rand"

// sealed is a blob's lead with the keys that it is for: newly made, or
// verified.
type sealed struct {
	header *header
	mac    [macSize]byte
	*secrets

	refused error // what is said if a chunk does not open
}

// begin makes the lead of a new blob.
func (s *Sealer) begin(additional []byte, predecessor [32]byte) (*sealed, error) {
	own, err := s.level()
	if err != nil {
		return nil, err
	}
	h := &header{binding: s.binding, separation: s.Separation, level: own, predecessor: predecessor}
	rand.Read(h.keyID[:])
	rand.Read(h.salt[:])
	k, err := s.secrets(h)
	if err != nil {
		return nil, err
	}
	return &sealed{header: h, mac: k.sign(h, additional), secrets: k}, nil
}

// verify checks the lead of a blob: what is public before its key is asked
// for, then its MAC. A size that is not negative is the whole blob's.
func (s *Sealer) verify(lead []byte, size int64, additional []byte) (*sealed, error) {
	own, err := s.level()
	if err != nil {
		return nil, err
	}
	h, mac, err := parseLead(lead)
	if err != nil {
		return nil, err
	}
	if err := s.check(h, own); err != nil {
		return nil, err
	}
	if _, ok := plainSize(uint64(size - leadSize)); size >= 0 && !ok {
		return nil, errTruncated
	}
	k, err := s.secrets(h)
	if err != nil {
		return nil, err
	}
	refused := h.level.refused(own)
	if !k.verify(h, mac, additional) {
		return nil, refused
	}
	return &sealed{h, mac, k, refused}, nil
}

// lead is the first 192 bytes of the blob.
func (b *sealed) lead() []byte { return append(b.header.append(nil), b.mac[:]...) }

func (b *sealed) digest() [32]byte { return b.header.digest(b.mac) }
