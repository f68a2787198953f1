package ocall

import "time"

const (
	InFlight   = inFlight
	MaxMessage = maxMessage
)

func ReframeHeader(b []byte) ([]byte, bool) {
	h, ok := parseHeader(b)
	return h.append(nil), ok
}

func RewriteHello(b []byte) ([]byte, error) {
	h, err := parseHello(b)
	return h.append(nil), err
}

func RewriteSurface(text string) (string, bool) {
	s, ok := parseSurface(text)
	if !ok {
		return "", false
	}
	return s.text, true
}

// Difference is what is said of a host with these lines by a trusted half with
// those. It is nil also for what is no surface.
func Difference(trusted, host string) error {
	ours, ok := parseSurface(trusted + "\n")
	theirs, ok2 := parseSurface(host + "\n")
	if !ok || !ok2 {
		return nil
	}
	return theirs.offers(ours)
}

func Encode[T any](v T) ([]byte, error) {
	c, _ := newCodec[T]("test: value", maxBody)
	return c.append(nil, v)
}

func Decode[T any](b []byte) (T, error) {
	c, _ := newCodec[T]("test: value", maxBody)
	return c.decode(b)
}

// DecodeLimited is Decode of a body that may have limit bytes.
func DecodeLimited[T any](b []byte, limit uint32) (T, error) {
	c, _ := newCodec[T]("test: value", limit)
	return c.decode(b)
}

// Decoder is DecodeLimited for many.
func Decoder[T any](limit uint32) func([]byte) (T, error) {
	c, _ := newCodec[T]("test: value", limit)
	return c.decode
}

func Signature[T any]() string {
	_, s := newCodec[T]("call: request", maxBody)
	return s
}

// Queued is what is written when first was begun, and later came meanwhile.
func Queued(first []byte, later ...[]byte) (pieces [][]byte) {
	w := newWriter(nil)
	w.under = piece{bytes: append([]byte("sent"), first...), sent: 4}
	for _, frame := range later {
		w.push(frame)
	}
	for w.load() {
		pieces = append(pieces, w.under.left())
		w.under.sent = len(w.under.bytes)
	}
	return pieces
}

// Waiting is how many calls of c are in flight or wait for their turn.
func Waiting(c *Conn) int {
	l := c.current.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	n := inFlight - len(l.free) + l.queue.len()
	for i := range l.limits {
		n += l.limits[i].waiting.len()
	}
	return n
}

// Intake returns the frames of b, which comes in pieces of at most that length
// and then ends. If drop, long bodies are not kept.
func Intake(b []byte, piece int, drop bool) (frames [][]byte, err error) {
	c := &collecting{drop: drop}
	in := newIntake(c, readBuffer, readMost)
	for len(b) > 0 {
		n := copy(in.room(), b[:min(piece, len(b))])
		if err := in.came(n); err != nil {
			return c.frames, err
		}
		b = b[n:]
	}
	return c.frames, in.end()
}

type collecting struct {
	frames [][]byte
	drop   bool
}

func (c *collecting) place(h header) ([]byte, bool, error) {
	if h.length > maxBody {
		return nil, false, violation("too long")
	}
	return placeFor(h.length), c.drop, nil
}

func (c *collecting) take(h header, body []byte, owned bool) error {
	c.frames = append(c.frames, append(h.append(nil), body...))
	return nil
}

// Stuck reports whether c has more to write than its socket takes.
func Stuck(c *Conn) bool {
	w := c.current.Load().out
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy && len(w.under.left()) > 0
}

// Fifo is a fifo.
type Fifo[T any] struct{ q fifo[T] }

func (f *Fifo[T]) Push(v T)      { f.q.push(v) }
func (f *Fifo[T]) Take() T       { return f.q.take() }
func (f *Fifo[T]) Keep(left []T) { f.q.keep(left) }
func (f *Fifo[T]) Waiting() []T  { return f.q.waiting() }

const Briefly = briefly

// LargestReads is how much either half asks for at once, of a body without end.
func LargestReads() map[string]int {
	largest := map[string]int{}
	for name, in := range map[string]*intake{
		"trusted half": newLine(nil, nil, 0, nil).receiver.in,
		"host half":    newSession(nil, new(offer), nil).receiver.in,
	} {
		largest[name] = len(in.room())
		in.rest, in.body = maxBody, make([]byte, 0, maxBody)
		largest[name] = max(largest[name], len(in.room()))
	}
	return largest
}

// Shelf is a shelf.
type Shelf struct{ s shelf }

func (s *Shelf) Take(n, most int) []byte { return s.s.take(n, most) }
func (s *Shelf) Put(b []byte)            { s.s.put(b) }

// Polls is what a host half does that polls, in times when something comes and
// times when nothing does: whether it polls each time.
func Polls(comes ...bool) (polled []bool) {
	p := newPolling(time.Hour)
	for _, comes := range comes {
		polled = append(polled, p.begins())
		if !comes {
			p.since = time.Time{} // long ago
			p.goesOn()
		}
	}
	return polled
}

// RoomWith is how much a chunk of n bytes keeps, if a buffer of that size was
// received and returned.
func RoomWith(spare, n int) int {
	f := newFlow(newWriter(nil), nil, 256<<10, 100<<10)
	f.reuse(make([]byte, spare))
	b, err := f.room(uint32(n))
	if err != nil {
		panic(err)
	}
	return cap(b)
}
