package ocall

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"
)

// session is one connection of the host half. The other end may be anybody who
// could connect, and is bounded as the trusted half bounds the host.
type session struct {
	link
	*offer
	log      *slog.Logger
	receiver receiver
	ctx      context.Context // of handlers, but for its end
	look     *time.Timer     // at what is in doubt
	calls    []*offered      // by index of the trusted half's surface
	taken    int             // frames since the last read, which alone uses it

	mu       sync.Mutex
	runs     [inFlight]*run
	answers  [inFlight]position // to the last that ran there
	running  int
	stopping bool

	work    chan *run // to handlers' goroutines that have nothing to do
	workers sync.WaitGroup
}

func newSession(nc net.Conn, o *offer, log *slog.Logger) *session {
	s := &session{offer: o, log: log, work: make(chan *run)}
	s.link = newLink(nc)
	s.receiver = receiver{nc: nc, in: newIntake(s, hostReadBuffer, hostReadMost), idle: s.yield, look: func() { s.look.Reset(tick) }, poll: newPolling(o.busyPoll)}
	return s
}

// yield sends answers, and lets handlers go on if there are several, before more
// is read. Where nothing can be sent, nothing need be read.
func (s *session) yield() {
	if s.out.flush(false) != nil {
		s.receiver.over.Store(true)
	}
	if s.taken > 1 {
		runtime.Gosched()
	}
	s.taken = 0
}

// flush sends what was pushed, in company with what other handlers are about to.
func (s *session) flush() {
	s.mu.Lock()
	others := s.running > 1
	s.mu.Unlock()
	s.out.flush(others) // an error ends the reader too
}

// serve answers until the other end closes (nil), misbehaves, or ctx ends. It
// returns when every handler has.
func (s *session) serve(ctx context.Context) error {
	theirs, err := s.greet(ctx, s.surface)
	if err != nil {
		return err
	}
	if err := s.surface.offers(theirs); err != nil {
		return err
	}
	for _, line := range theirs.lines {
		s.calls = append(s.calls, s.handlers[nameOf(line)])
	}
	s.agreed()
	defer context.AfterFunc(ctx, s.stop)()
	err = s.read(context.WithoutCancel(ctx))
	s.cancelAll()
	close(s.work)
	s.workers.Wait()
	if err != nil {
		return err // whoever misbehaves need not read answers
	}
	s.nc.SetWriteDeadline(time.Now().Add(greetTimeout))
	s.out.flush(false)
	s.out.drain()
	s.linger()
	return nil
}

// linger has the trusted half read what was sent. If it could write to nobody
// first, it would hear of that instead.
func (s *session) linger() {
	c, ok := s.nc.(interface{ CloseWrite() error })
	if !ok || c.CloseWrite() != nil {
		return
	}
	s.nc.SetReadDeadline(time.Now().Add(lingerTimeout))
	io.Copy(io.Discard, s.nc)
}

// stop has s end, once nothing runs any more or the time of grace is over. What
// is asked until then is not answered: it was not begun.
func (s *session) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	if s.running == 0 || s.grace == 0 {
		s.hangUp()
		return
	}
	time.AfterFunc(s.grace, s.hangUp)
}

// hangUp ends the reader.
func (s *session) hangUp() { s.receiver.interrupt() }

func (s *session) read(ctx context.Context) error {
	s.ctx = ctx
	s.look = time.AfterFunc(time.Hour, s.tick)
	defer s.look.Stop()
	err := s.receiver.frames()
	if err == io.EOF || err == errInterrupted {
		return nil
	}
	return err
}

// tick looks whether the connection has ended unnoticed.
func (s *session) tick() {
	again, now := s.receiver.doubt.check()
	if again {
		s.look.Reset(tick)
	}
	if now {
		s.receiver.verify()
	}
}

// place is where a body goes that is not here as a whole.
func (s *session) place(h header) (body []byte, drop bool, err error) {
	if err := s.permit(h); err != nil {
		return nil, false, err
	}
	if m := s.calls[h.call]; m.lends && h.kind == kindRequest {
		return placeFrom(&s.bodies, h.length, m.maxRequest), false, nil
	}
	return placeFor(h.length), false, nil
}

// permit returns an error unless the trusted half may send h.
func (s *session) permit(h header) error {
	if int(h.call) >= len(s.calls) || h.id.slot >= inFlight {
		return fmt.Errorf("a frame for no call")
	}
	if most, ok := s.calls[h.call].allowed(h.kind); !ok || h.length > most {
		return fmt.Errorf("a frame of kind %d and %d bytes", h.kind, h.length)
	}
	return nil
}

// take does what a frame asks for.
func (s *session) take(h header, body []byte, owned bool) error {
	s.taken++
	if err := s.permit(h); err != nil {
		return err
	}
	if !owned {
		body = append(make([]byte, 0, len(body)), body...)
	}
	if h.kind == kindRequest {
		return s.start(s.ctx, h, s.calls[h.call], body)
	}
	if r := s.find(h); r != nil { // else it was answered meanwhile
		return r.hear(h, body)
	}
	return nil
}

// allowed is the length of what the trusted half may send during a call.
func (m *method) allowed(k kind) (most uint32, ok bool) {
	switch {
	case k == kindRequest:
		return m.maxRequest, true
	case k == kindCancel:
		return 0, true
	case m.stream == nil:
		return 0, false
	case k == kindChunk:
		return m.stream.maxUp, true
	case k == kindCredit:
		return creditSize, true
	}
	return endSize, k == kindEnd
}

// find returns what runs under the id of h, if it is of the same call.
func (s *session) find(h header) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[h.id.slot]; r != nil && r.head.id == h.id && r.head.call == h.call {
		return r
	}
	return nil
}

// start has a handler answer, in a goroutine that has nothing to do or a new
// one.
func (s *session) start(ctx context.Context, h header, call *offered, body []byte) error {
	r := newRun(ctx, s, h, call, body)
	if begun, err := s.begin(r); !begun {
		return err
	}
	select {
	case s.work <- r:
	default:
		s.workers.Go(func() { s.handle(r) })
	}
	return nil
}

func (s *session) begin(r *run) (begun bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := r.head.id.slot
	switch {
	case s.runs[slot] != nil:
		return false, fmt.Errorf("an id used twice")
	case !s.out.offered(s.answers[slot]):
		return false, fmt.Errorf("an id used before its last answer was sent")
	case s.stopping:
		return false, nil
	}
	s.runs[slot] = r
	s.running++
	return true, nil
}

// handle answers r, and then whatever else comes.
func (s *session) handle(r *run) {
	for ok := true; ok; r, ok = <-s.work {
		r.answer()
	}
}

// settle forgets r and has its answer sent: the slot may be used again as soon
// as that begins. It reports whether the caller is to write it.
func (s *session) settle(r *run) (mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[r.head.id.slot] = nil
	s.answers[r.head.id.slot], mine = s.out.pushLong(r.frame, r.tail)
	if s.running--; s.running == 0 && s.stopping {
		s.hangUp()
	}
	return mine
}

func (s *session) cancelAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r != nil {
			r.cancel()
		}
	}
}
