package ocall

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// run is one call or stream that the host half answers, exactly once.
type run struct {
	session  *session
	call     *offered
	ctx      callContext
	head     header
	body     []byte
	frame    []byte // of the answer
	tail     []byte // of its body, the handler's own
	lent     bool   // nobody refers to body once this was answered
	flow     *flow  // of a stream
	handling Handling
}

func newRun(ctx context.Context, s *session, h header, call *offered, body []byte) *run {
	r := &run{
		session: s, call: call, ctx: callContext{Context: ctx}, head: h, body: body,
		handling: Handling{Call: call.name, Stream: call.stream != nil, Request: len(body)},
	}
	if call.stream != nil {
		r.flow = newFlow(s.out, s.flush, call.stream.window, call.stream.maxUp)
		r.flow.open(h)
	}
	return r
}

// hear does what a frame says to a call under way.
func (r *run) hear(h header, body []byte) error {
	switch h.kind {
	case kindCancel:
		r.cancel()
	case kindChunk:
		return r.flow.arrived(body)
	case kindCredit:
		return r.flow.granted(readNumber(body))
	case kindEnd:
		return r.flow.ended(readNumber(body))
	}
	return nil
}

func (r *run) cancel() {
	r.ctx.cancel()
	if r.flow != nil {
		r.flow.fail(context.Canceled)
	}
}

// errInternal is all the trusted half learns of a panic.
var errInternal = errors.New("internal error")

func (r *run) answer() {
	err := errInternal // stands if the handler does not return
	defer func() {
		r.panicked(recover())
		r.finish(err)
	}()
	err = r.handle()
}

// contained is inner, for the interceptors around it: its panic is an error, and
// so is a response that is too long.
func contained(inner answer) answer {
	return func(ctx context.Context, r *run) (err error) {
		defer func() {
			if r.panicked(recover()) {
				err = errInternal
			}
		}()
		if err := inner(ctx, r); err != nil {
			return err
		}
		return r.fits()
	}
}

// panicked reports whether p is a panic, which it logs.
func (r *run) panicked(p any) bool {
	if p != nil {
		r.session.log.ErrorContext(&r.ctx, "ocall: a handler panicked", "call", r.call.name, "panic", p, "stack", string(debug.Stack()))
	}
	return p != nil
}

func (r *run) fits() error {
	if n := len(r.frame) - headerSize + len(r.tail); uint64(n) > uint64(r.call.maxResponse) {
		return fmt.Errorf("a response of %d bytes, %d allowed", n, r.call.maxResponse)
	}
	return nil
}

// handle runs the handler when its turn comes.
func (r *run) handle() error {
	for _, turns := range []chan struct{}{r.call.turns, r.session.turns} {
		if turns == nil {
			continue
		}
		if err := r.enter(turns); err != nil {
			return err
		}
		defer func() { <-turns }()
	}
	r.frame = make([]byte, headerSize, 256)
	if err := r.call.answer(&r.ctx, r); err != nil {
		return err
	}
	return r.fits() // whatever interceptors made of that
}

func (r *run) enter(turns chan struct{}) error {
	select {
	case turns <- struct{}{}:
		return nil
	default:
	}
	select {
	case turns <- struct{}{}:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// failure is the frame that says err, whose own methods may panic.
func (r *run) failure(err error) (frame []byte) {
	defer func() {
		if p := recover(); p != nil {
			r.session.log.ErrorContext(&r.ctx, "ocall: the error of a handler panicked", "call", r.call.name, "panic", p)
			frame = r.call.appendFailure(make([]byte, headerSize), errInternal)
		}
	}()
	return r.call.appendFailure(make([]byte, headerSize), err)
}

// giveBack ends the use of the request.
func (r *run) giveBack() {
	spoil(r.body)
	r.session.bodies.put(r.body)
}

func (r *run) finish(err error) {
	if r.lent {
		defer r.giveBack()
	}
	r.cancel() // nothing is sent from here on, whoever tries
	h := r.head
	switch {
	case err != nil:
		h.kind = kindFailure
		r.frame, r.tail = r.failure(err), nil
	case r.flow != nil:
		h.kind = kindAnswer
		r.frame = h.number(r.flow.chunks(), endSize)
	default:
		h.kind = kindAnswer
	}
	r.frame, r.tail = r.session.out.early(r.frame, r.tail)
	h.begin(r.frame, r.tail)
	if mine := r.session.settle(r); mine {
		r.session.out.send(r.frame, r.tail) // an error ends the reader too
		return
	}
	r.session.flush()
}
