package sealing

// Reencode parses blob and writes it again, without opening it.
func Reencode(blob []byte) ([]byte, error) {
	h, mac, chunks, err := parseHeader(blob)
	if err != nil {
		return nil, err
	}
	return append(append(h.append(nil), mac[:]...), chunks...), nil
}

// Reseal seals plaintext as Seal does, with the header of blob in place of a
// random one.
func Reseal(key [16]byte, blob, plaintext, additional []byte) ([]byte, error) {
	h, _, _, err := parseHeader(blob)
	if err != nil {
		return nil, err
	}
	k, err := derive(key, h)
	if err != nil {
		return nil, err
	}
	return k.seal(h, plaintext, additional), nil
}
