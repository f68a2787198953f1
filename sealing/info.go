package sealing

import "fmt"

// Header is what anybody can read of a blob without a key, and could have
// written there: good for a diagnosis, not for a decision.
type Header struct {
	Binding Binding
	Level   Level
}

// Info reads the header of blob, of which the first 192 bytes suffice. The
// error wraps [ErrFormat].
func Info(blob []byte) (Header, error) {
	h, _, _, err := parseHeader(blob)
	if err != nil {
		return Header{}, fmt.Errorf("sealing: %w", err)
	}
	return Header{h.binding, h.level}, nil
}
