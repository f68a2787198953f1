package ocall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Flow is an open stream as one half has it: it sends Out, and receives In.
// One goroutine may send while another receives.
type Flow[Out, In any] struct {
	name    string
	ctx     context.Context
	flow    *flow
	out     codec[Out]
	in      codec[In]
	most    uint32         // bytes of a chunk that is sent
	check   func(In) error // in the trusted half
	quit    func()         // tells the other half that nobody waits
	unwatch func() bool    // in the trusted half
	frame   []byte         // of Send
}

var errStreamClosed = errors.New("closed here")

// Send sends a chunk once the other half has room for it. After a first error
// every other is one too.
func (f *Flow[Out, In]) Send(chunk Out) error {
	frame, err := f.out.append(f.flow.out.room(f.room(), f.out.size(chunk)), chunk)
	if err == nil {
		err = f.sendFrame(frame)
	}
	return f.sendDoor(err)
}

// room is for a frame: kept from the last, unless the writer has that.
func (f *Flow[Out, In]) room() []byte {
	if cap(f.frame) < headerSize || cap(f.frame) > keepBuffer {
		f.frame = make([]byte, headerSize, 256)
	}
	return f.frame[:headerSize]
}

func (f *Flow[Out, In]) sendFrame(frame []byte) error {
	f.frame = frame
	if n := len(frame) - headerSize; uint64(n) > uint64(f.most) {
		return fmt.Errorf("%w: a chunk of %d bytes, %d allowed", ErrLimit, n, f.most)
	}
	return f.flow.transmit(f.ctx, frame)
}

// CloseSend tells the other half that nothing more comes: it receives io.EOF.
// The host's handler says the same by returning nil.
func (f *Flow[Out, In]) CloseSend() error { return f.sendDoor(f.flow.finish()) }

// Receive returns the next chunk. The error is io.EOF if the other half has
// said that it sent all, and only then: a stream that was cut ends with another.
// In the trusted half, a chunk that Check refuses ends the stream.
func (f *Flow[Out, In]) Receive() (chunk In, err error) {
	body, err := f.flow.receive(f.ctx)
	if err == nil {
		chunk, err = f.accept(body)
	}
	return chunk, f.door(err)
}

func (f *Flow[Out, In]) accept(body []byte) (chunk In, err error) {
	if f.check == nil {
		chunk, err = f.in.decode(body)
	} else {
		chunk, err = accept(f.in, f.check, body)
	}
	if err != nil {
		var zero In
		return zero, err
	}
	if !f.in.keeps() {
		f.flow.reuse(body)
	}
	return chunk, nil
}

// All ranges over what is received until its end. The last pair has an error if
// that is not the end of the stream.
func (f *Flow[Out, In]) All() iter.Seq2[In, error] {
	return func(yield func(In, error) bool) {
		for {
			chunk, err := f.Receive()
			if err == io.EOF || !yield(chunk, err) || err != nil {
				return
			}
		}
	}
}

// Close gives the stream up unless it has ended, and has the other half told.
// It is for the trusted half; it never fails.
func (f *Flow[Out, In]) Close() error {
	if f.unwatch != nil {
		f.unwatch()
	}
	f.quit()
	return nil
}

// door ends the stream with the first error, and gives it its prefix. In the
// host half a handler returns it.
func (f *Flow[Out, In]) door(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if f.unwatch == nil {
		return err
	}
	f.Close()
	return door(f.name, heard(err))
}

// sendDoor is door, but for a stream that the host has ended: what came before
// that can still be received.
func (f *Flow[Out, In]) sendDoor(err error) error {
	if err != nil && f.flow.wasEnded() {
		return door(f.name, err)
	}
	return f.door(err)
}

// Reader reads what f receives as one sequence of bytes, and ends as f does.
// It reuses its buffers, so that a stream of any length takes no more memory
// than its window.
func Reader[Out any](f *Flow[Out, []byte]) io.Reader { return &reading[Out]{flow: f} }

type reading[Out any] struct {
	flow        *Flow[Out, []byte]
	chunk, rest []byte
}

func (r *reading[Out]) Read(p []byte) (n int, err error) {
	for len(r.rest) == 0 && len(p) > 0 {
		if r.chunk != nil {
			r.flow.flow.reuse(r.chunk)
		}
		if r.chunk, err = r.flow.Receive(); err != nil {
			r.chunk = nil
			return 0, err
		}
		r.rest = r.chunk
	}
	n = copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Writer sends what is written to it, in chunks as large as f allows. Close is
// CloseSend.
func Writer[In any](f *Flow[[]byte, In]) io.WriteCloser { return writing[In]{f} }

type writing[In any] struct{ flow *Flow[[]byte, In] }

func (w writing[In]) Write(p []byte) (n int, err error) {
	for n < len(p) {
		chunk := p[n:min(len(p), n+int(w.flow.most))]
		if err := w.flow.Send(chunk); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

func (w writing[In]) Close() error { return w.flow.CloseSend() }
