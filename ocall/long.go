package ocall

// pushLong is push for a frame that goes on with tail, which stays its caller's:
// either the caller is to send them at once, as nobody else writes, or tail is
// copied.
func (w *writer) pushLong(frame, tail []byte) (at position, mine bool) {
	if len(tail) == 0 {
		return w.push(frame), false
	}
	if at, mine = w.claim(len(frame) + len(tail)); mine {
		return at, true
	}
	return w.push(w.whole(frame, tail)), false
}

// whole is a copy of both.
func (w *writer) whole(frame, tail []byte) []byte {
	b := w.room(nil, len(frame)+len(tail)-headerSize)
	if b == nil {
		b = make([]byte, 0, len(frame)+len(tail))
	}
	return append(append(b[:0], frame...), tail...)
}

// early is whole if pushLong would most likely copy, which is better done before
// its caller holds a lock.
func (w *writer) early(frame, tail []byte) (_, left []byte) {
	if len(tail) == 0 {
		return frame, nil
	}
	w.mu.Lock()
	idle := w.idle()
	w.mu.Unlock()
	if idle {
		return frame, tail
	}
	return w.whole(frame, tail), nil
}

// idle reports whether nobody writes and nothing waits, and somebody could.
func (w *writer) idle() bool {
	return !w.busy && w.waiting.len() == 0 && w.raw != nil && w.err == nil
}

// claim has its caller write n bytes, if w is idle.
func (w *writer) claim(n int) (at position, mine bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.idle() {
		return 0, false
	}
	at = w.pushed + 1
	w.pushed += position(n)
	w.begun.Store(uint64(w.pushed))
	w.busy = true
	return at, true
}

// send writes what was claimed: as much as the kernel takes at once, and a copy
// of the rest from a goroutine. With the first write goes as much of tail as the
// other half reads first: it makes room for the rest while that is written.
func (w *writer) send(frame, tail []byte) error {
	n := min(len(tail), max(readBuffer-len(frame), 0))
	frame = append(frame, tail[:n]...)
	left, err := w.sendSome(frame, tail[n:])
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.fail(err)
		return err
	}
	w.under = piece{bytes: left, end: position(w.begun.Load())}
	if w.busy = w.load(); w.busy {
		w.flushing.Go(w.rest)
	}
	return nil
}

// sendSome returns a copy of what the kernel did not take.
func (w *writer) sendSome(first, second []byte) (left []byte, err error) {
	n, err := w.try(first)
	if err != nil {
		return nil, err
	}
	if n == len(first) {
		first = nil
		if n, err = w.try(second); err != nil {
			return nil, err
		}
		second, n = second[n:], 0
	}
	return w.whole(first[n:], second), nil
}
