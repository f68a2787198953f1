package ocall

import (
	"bytes"
	"runtime"
)

// read takes what the host sends until the connection ends or the host breaks
// the protocol.
func (l *line) read() { l.fail(l.receiver.frames()) }

// yield sends what the successors of answered calls ask, and lets those go on
// whose answers were read, before the connection is read again: then one read
// and one write do for many. A caller that is alone is not waited for.
func (l *line) yield() {
	if err := l.out.flush(false); err != nil {
		l.fail(err)
	}
	if l.delivered > 1 {
		runtime.Gosched()
	}
	l.delivered = 0
}

// look sees to it that a tick comes soon, for what is in doubt.
func (l *line) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.pace.restart()
	}
}

// place is where a body goes that somebody waits for.
func (l *line) place(h header) (body []byte, drop bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.match(h)
	switch {
	case err != nil:
		return nil, false, err
	case s.calling == nil && h.kind == kindAnswer && s.flow == nil: // of a stream, it says something
		return nil, true, nil
	case h.kind == kindChunk:
		body, err := s.flow.room(h.length)
		return body, false, err
	}
	if s.calling == nil || s.calling.keeps {
		return placeFor(h.length), false, nil
	}
	return placeFrom(&l.bodies, h.length, s.call.maxResponse), false, nil
}

// take handles one frame.
func (l *line) take(h header, body []byte, owned bool) error {
	l.delivered++
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.match(h)
	if err != nil {
		return err
	}
	return l.deliver(s, h, body, owned)
}

// deliver does what a frame says. The body is to be copied unless it is owned.
func (l *line) deliver(s *slot, h header, body []byte, owned bool) error {
	switch h.kind {
	case kindChunk:
		return s.flow.came(body, owned)
	case kindCredit:
		return s.flow.granted(readNumber(body))
	}
	k, f := s.calling, s.flow
	if f != nil && h.kind == kindAnswer {
		if err := f.ended(readNumber(body)); err != nil {
			return err
		}
	}
	l.useful = true
	l.release(s)
	if k == nil {
		l.late.Add(1)
		return nil
	}
	k.finish(h, body, owned)
	return nil
}

// finish hands an answer over.
func (k *calling) finish(h header, body []byte, owned bool) {
	switch failed := h.kind == kindFailure; {
	case k.flow != nil && failed:
		k.flow.fail(&claimed{k.method, bytes.Clone(body)})
	case k.flow != nil: // has ended already
	case owned:
		k.done <- result{body: body, failed: failed}
	case failed || k.keeps:
		k.done <- result{body: append(make([]byte, 0, len(body)), body...), failed: failed}
	default:
		k.body = append(k.body[:0], body...)
		k.done <- result{body: k.body}
	}
}
