package ocall

import "slices"

// room returns a buffer for a frame with a body of n bytes, or the one given if
// that will do.
func (w *writer) room(frame []byte, n int) []byte {
	n += headerSize
	if n <= keepBuffer {
		return frame
	}
	if b := w.shelf.take(n, 2*n); b != nil { // whoever waits with it holds no more than it needs
		return b[:headerSize]
	}
	return make([]byte, headerSize, n)
}

// small returns a buffer for short frames.
func (w *writer) small() (b []byte) {
	if last := len(w.spare) - 1; last >= 0 {
		b, w.spare = w.spare[last], w.spare[:last]
	}
	return slices.Grow(b, readBuffer)
}

// keep has b used again.
func (w *writer) keep(b []byte) {
	switch {
	case cap(b) > keepBuffer:
		w.shelf.put(b)
	case cap(b) > 0 && len(w.spare) < keepBuffers:
		w.spare = append(w.spare, b[:0])
	}
}
