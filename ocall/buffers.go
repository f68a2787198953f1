package ocall

import "slices"

// room returns a buffer for a frame with a body of n bytes, or the one given if
// that will do.
func (w *writer) room(frame []byte, n int) []byte {
	n += headerSize
	if n <= keepBuffer {
		return frame
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, b := range w.long {
		if n <= cap(b) && cap(b) <= 2*n { // whoever waits with it holds no more than it needs
			w.long, w.longs = slices.Delete(w.long, i, i+1), w.longs-cap(b)
			return b[:headerSize]
		}
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
		if w.longs+cap(b) <= keepLong {
			w.long, w.longs = append(w.long, b), w.longs+cap(b)
		}
	case cap(b) > 0 && len(w.spare) < keepBuffers:
		w.spare = append(w.spare, b[:0])
	}
}
