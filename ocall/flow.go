package ocall

import (
	"context"
	"errors"
	"io"
	"sync"
)

// flow is one stream as either half has it. Each half may send as much as fits
// the window of the other, and more when that has received some, so that neither
// can fill the other's memory.
type flow struct {
	window uint64
	most   int64 // bytes that may come in all; 0: no bound
	asker  bool  // the trusted half's: when the host ends it, it is over
	out    *writer
	flush  func() // sends what out holds
	look   func() // has deadlines looked at soon; nil in the host half, which has none

	mu       sync.Mutex
	head     header // of its frames
	arrival  arrival
	dispatch dispatch
	err      error // why it is over, for both directions
}

// arrival is what comes.
type arrival struct {
	bodies  fifo[[]byte]  // not received yet
	spare   [][]byte      // buffers to use again, of no more bytes than the window
	spares  uint64        // bytes in spare
	allowed uint64        // what the window still holds
	owed    uint64        // what was received, and the peer not told of yet
	tell    uint64        // when so much is owed
	told    fifo[portion] // credit that the peer may not have heard of
	chunks  uint64
	total   int64
	end     error // io.EOF once the peer has said that no more comes
	wait
}

// dispatch is what goes.
type dispatch struct {
	allowed uint64        // what the peer's window still holds
	sent    fifo[portion] // chunks that the peer may not have heard of
	heard   uint64        // what others took, and the peer gave no credit for yet
	chunks  uint64
	closed  bool
	wait
}

var (
	errSendClosed = errors.New("sent to after CloseSend")
	errStreamOver = errors.New("the stream has ended")
)

// newFlow has the peer send chunks of at most largest bytes.
func newFlow(out *writer, flush func(), window uint64, largest uint32) *flow {
	f := &flow{window: window, out: out, flush: flush}
	f.arrival.tell = min(window/2, window-uint64(largest)-chunkCost+1)
	f.arrival.wake, f.dispatch.wake = make(chan struct{}, 1), make(chan struct{}, 1)
	f.arrival.allowed, f.dispatch.allowed = f.window, f.window
	return f
}

// open names f.
func (f *flow) open(h header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head = h
}

func (f *flow) header(k kind) header {
	h := f.head
	h.kind = k
	return h
}

// room is an empty buffer for a chunk, one that was received and returned if
// there is any. An error is a violation by the peer.
func (f *flow) room(n uint32) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &f.arrival
	if err := f.fits(uint64(n)); err != nil {
		return nil, err
	}
	last := len(a.spare) - 1
	if last < 0 || !suits(a.spare[last], n) {
		a.spare, a.spares = nil, 0 // not for what comes now
		return placeFor(n), nil
	}
	b := a.spare[last]
	a.spare = a.spare[:last]
	a.spares -= uint64(cap(b))
	return b[:0], nil
}

// fits returns an error if the peer must not send a chunk of n bytes: it has
// room only for what it can have heard of.
func (f *flow) fits(n uint64) error {
	a := &f.arrival
	a.allowed += f.out.heard(&a.told)
	if a.end != nil || n+chunkCost > a.allowed {
		return violation("a chunk of %d bytes that the window does not hold", n)
	}
	return nil
}

// reuse takes a buffer back that nobody refers to.
func (f *flow) reuse(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := &f.arrival; f.err == nil && a.spares+uint64(cap(b)) <= f.window {
		a.spare, a.spares = append(a.spare, b), a.spares+uint64(cap(b))
	}
}

// came takes a chunk over, or a copy of one that is not owned.
func (f *flow) came(body []byte, owned bool) error {
	if !owned {
		room, err := f.room(uint32(len(body)))
		if err != nil {
			return err
		}
		body = append(room, body...)
	}
	return f.arrived(body)
}

// arrived takes a chunk over. An error is a violation by the peer.
func (f *flow) arrived(body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &f.arrival
	if err := f.fits(uint64(len(body))); err != nil {
		return err
	}
	a.allowed -= cost(body)
	a.chunks++
	a.total += int64(max(1, len(body))) // chunks of nothing come to an end too
	if f.err != nil {
		return nil // dropped: nobody receives any more
	}
	a.bodies.push(body)
	wake(a.wake)
	return nil
}

// ended hears that the peer has sent all its n chunks.
func (f *flow) ended(n uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.arrival.end != nil || n != f.arrival.chunks {
		return violation("a stream of %d chunks ended as one of %d", f.arrival.chunks, n)
	}
	f.arrival.end = io.EOF
	wake(f.arrival.wake)
	wake(f.dispatch.wake)
	return nil
}

// granted hears that so much more fits the peer's window.
func (f *flow) granted(n uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &f.dispatch
	if d.heard += f.out.heard(&d.sent); n == 0 || n > d.heard {
		return violation("credit for nothing, or for more than it can have received")
	}
	d.heard -= n
	d.allowed += n
	wake(d.wake)
	return nil
}

// over reports whether the host has ended the stream: nobody hears of anything
// sent after that.
func (f *flow) over() bool { return f.asker && f.arrival.end != nil }

func (f *flow) wasEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over() && f.err == nil
}

// fail ends f, for the first reason given.
func (f *flow) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && (!f.over() || f.arrival.bodies.len() > 0) {
		f.err = err
		f.arrival.bodies.keep(nil)
		f.arrival.spare, f.arrival.spares = nil, 0
	}
	wake(f.arrival.wake)
	wake(f.dispatch.wake)
}

// receive waits for a chunk, which is the caller's.
func (f *flow) receive(ctx context.Context) ([]byte, error) {
	for {
		body, settled, err := f.next()
		if settled {
			return body, err
		}
		f.await()
		select {
		case <-f.arrival.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// await has the deadline of a wait that has just begun set. The ticks may have
// ended while nobody waited.
func (f *flow) await() {
	if f.look != nil {
		f.look()
	}
}

func (f *flow) next() (body []byte, settled bool, err error) {
	f.mu.Lock()
	a := &f.arrival
	waited := a.stop()
	switch {
	case f.err != nil:
		err = f.err
	case f.most > 0 && a.total > f.most:
		err = violation("its stream is longer than %d bytes", f.most)
	case a.bodies.len() > 0:
		body = a.bodies.take()
		a.owed += cost(body)
	case a.end != nil:
		err = a.end
	default:
		a.start(waited)
		f.mu.Unlock()
		return nil, false, nil
	}
	granted := f.grant()
	f.mu.Unlock()
	if granted {
		f.flush()
	}
	return body, true, err
}

// grant tells the peer of room in the window: half of it at a time, or as soon as
// it may not have room for what it wants to send.
func (f *flow) grant() bool {
	a := &f.arrival
	if a.owed < a.tell || a.end != nil || f.err != nil {
		return false
	}
	a.told.push(portion{f.out.push(f.header(kindCredit).number(a.owed, creditSize)), a.owed})
	a.owed = 0
	return true
}

// transmit sends a frame with a chunk in it as soon as the peer has room.
func (f *flow) transmit(ctx context.Context, frame []byte) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		settled, err := f.offer(frame)
		if settled {
			return err
		}
		f.await()
		select {
		case <-f.dispatch.wake:
		case <-ctx.Done():
		}
	}
}

func (f *flow) offer(frame []byte) (settled bool, err error) {
	f.mu.Lock()
	d := &f.dispatch
	waited := d.stop()
	switch need := cost(frame[headerSize:]); {
	case f.err != nil:
		err = f.err
	case d.closed:
		err = errSendClosed
	case f.over():
		err = errStreamOver
	case need > d.allowed:
		d.start(waited)
		f.mu.Unlock()
		return false, nil
	default:
		d.allowed -= need
		d.chunks++
		d.sent.push(portion{f.out.push(f.header(kindChunk).frame(frame)), need})
	}
	f.mu.Unlock()
	if err == nil {
		f.flush()
	}
	return true, err
}

// tick reports whether somebody has waited for the peer for too long.
func (f *flow) tick(s *sweep) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return false
	}
	received, sent := f.arrival.tick(s), f.dispatch.tick(s)
	return received || sent
}

// finish says that no more goes.
func (f *flow) finish() error {
	f.mu.Lock()
	d := &f.dispatch
	if d.closed || f.err != nil || f.over() {
		defer f.mu.Unlock()
		return f.err
	}
	d.closed = true
	f.out.push(f.header(kindEnd).number(d.chunks, endSize))
	f.mu.Unlock()
	f.flush()
	return nil
}

// chunks is how many were sent.
func (f *flow) chunks() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dispatch.chunks
}
