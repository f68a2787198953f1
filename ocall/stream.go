package ocall

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// A Stream is a call over which both halves send chunks, each in its own time:
// a file that is too large for one answer, a socket that the host relays, a
// queue of events. It is declared as a Func is.
//
// What is under way is bounded by Window in either direction, however much
// passes through: a half that has not received is not sent more.
type Stream[Req, Up, Down any] struct {
	// Name is 1 to 64 letters, digits, '.', '_', '-' and '/'.
	Name string

	// Check says whether the host may send chunk in a stream that was opened with
	// req. It runs in the trusted half before Receive returns. What only the whole
	// stream shows, its length for instance, its caller checks at the end.
	//
	// Required. Where anything may be sent, write Unchecked.
	Check func(req Req, chunk Down) error

	// MaxRequest, MaxUp and MaxDown bound the encoded request and each chunk to
	// and from the host, in bytes. If zero, 64 KiB, or what fits Window; at most
	// 64 MiB.
	MaxRequest, MaxUp, MaxDown int

	// MaxTotal bounds what the host may send in one stream, in bytes. If zero,
	// 64 MiB.
	MaxTotal int64

	// Window is how many bytes either half may send before the other has received
	// them; each chunk counts for 64 more than its length. If zero, 256 KiB, or
	// what the largest chunk takes if that is more.
	Window int

	// Timeout bounds each wait for the host, in Send, Receive and Open. If zero,
	// 30 seconds. The whole stream is bounded by the context it is opened with.
	Timeout time.Duration

	// Concurrency is as in Func.
	Concurrency int

	// Errors are those that come back as such, as in Func.
	Errors []DeclaredError
}

// None is the chunk of a direction in which nothing is sent.
type None = struct{}

// Open begins a stream, which ends with ctx. It waits for its turn like a call,
// but not for the host. Its caller calls Close in the end.
//
// The service c was dialled with must hold s; its limits are used.
func (s Stream[Req, Up, Down]) Open(ctx context.Context, c *Conn, req Req) (*Flow[Up, Down], error) {
	f, err := s.open(ctx, c, req)
	if err != nil {
		return nil, door(s.Name, err)
	}
	return f, nil
}

func (s Stream[Req, Up, Down]) open(ctx context.Context, c *Conn, req Req) (*Flow[Up, Down], error) {
	check := s.check()
	m := c.methods[s.Name]
	p, ok := planOf[streamPlan[Req, Up, Down]](m)
	if !ok || m.maxRequest != limit(s.MaxRequest) || *m.stream != s.limits() {
		return nil, errUndeclared
	}
	k := newCalling()
	frame, err := p.request.append(k.frame, req)
	if err != nil {
		return nil, err
	}
	k.frame, k.method, k.deadline.timeout = frame, m, s.timeout()
	l, err := c.begin(ctx, k)
	if err != nil {
		return nil, err
	}
	f := &Flow[Up, Down]{name: s.Name, ctx: ctx, flow: k.flow, out: p.up, in: p.down, most: m.stream.maxUp}
	f.check = func(chunk Down) error { return check(req, chunk) }
	f.quit = func() { l.quit(k, cmp.Or(ctx.Err(), errStreamClosed)) }
	f.unwatch = context.AfterFunc(ctx, func() { l.quit(k, ctx.Err()) })
	return f, nil
}

// Handle has the host half answer s with h, whose ctx ends when the trusted
// half gave up or Serve ends. When h returns nil, the trusted half sees the end
// of the stream, and otherwise the error, as that of a Func's handler.
//
// Handle panics if mux handles a call of that name already.
func (s Stream[Req, Up, Down]) Handle(mux *Mux, h func(ctx context.Context, req Req, f *Flow[Down, Up]) error) {
	m := s.assemble()
	if h == nil {
		refuse(s.Name, "handler is nil")
	}
	p, _ := planOf[streamPlan[Req, Up, Down]](m)
	mux.add(m, func(ctx context.Context, r *run) error {
		req, err := p.request.decode(r.body)
		if err != nil {
			return fmt.Errorf("no request: %w", err)
		}
		return h(ctx, req, &Flow[Down, Up]{name: s.Name, ctx: ctx, flow: r.flow, out: p.down, in: p.up, most: m.stream.maxDown, quit: r.cancel})
	})
}

// streamPlan is what Open and Handle keep of the walk over a Stream's types.
type streamPlan[Req, Up, Down any] struct {
	request codec[Req]
	up      codec[Up]
	down    codec[Down]
}

// streamLimits are those of a stream besides its request's. Both halves have
// the same.
type streamLimits struct {
	maxUp, maxDown uint32
	window         uint64
	total          int64
}

func (s Stream[Req, Up, Down]) limits() streamLimits {
	window := cmp.Or(s.Window, max(defaultWindow, s.MaxUp+chunkCost, s.MaxDown+chunkCost))
	chunk := min(defaultBody, max(window-chunkCost, 0))
	return streamLimits{
		maxUp:   uint32(cmp.Or(s.MaxUp, chunk)),
		maxDown: uint32(cmp.Or(s.MaxDown, chunk)),
		window:  uint64(window),
		total:   cmp.Or(s.MaxTotal, defaultTotal),
	}
}

func (s Stream[Req, Up, Down]) assemble() *method {
	s.validate()
	p, l := new(streamPlan[Req, Up, Down]), s.limits()
	var request, up, down string
	p.request, request = newCodec[Req](s.Name+": request", limit(s.MaxRequest))
	p.up, up = newCodec[Up](s.Name+": up", l.maxUp)
	p.down, down = newCodec[Down](s.Name+": down", l.maxDown)
	m := &method{name: s.Name, maxRequest: limit(s.MaxRequest), stream: &l, concurrency: s.Concurrency, plan: p}
	m.memory = uint64(m.maxRequest) + 3*l.window + taken(p.down, l.maxDown)
	errs, text := declareErrors(s.Name, s.Errors)
	m.errors = errs
	m.line = fmt.Sprintf("%s(%s max=%d) stream up %s max=%d down %s max=%d total=%d window=%d%s", m.name, request, m.maxRequest,
		up, l.maxUp, down, l.maxDown, l.total, l.window, text)
	return m
}

func (s Stream[Req, Up, Down]) validate() {
	validate(s.Name, s.Timeout, s.Concurrency, s.MaxRequest, s.MaxUp, s.MaxDown, s.Window)
	s.check()
	if s.MaxTotal < 0 {
		refuse(s.Name, "MaxTotal is negative")
	}
	if l := s.limits(); uint64(max(l.maxUp, l.maxDown))+chunkCost > l.window {
		refuse(s.Name, "Window has no room for the largest chunk, which takes 64 bytes more than its length")
	}
}

func (s Stream[Req, Up, Down]) check() func(Req, Down) error {
	if s.Check == nil {
		refuse(s.Name, "Check is nil: say what the host may send, or ocall.Unchecked")
	}
	return s.Check
}

func (s Stream[Req, Up, Down]) timeout() time.Duration { return cmp.Or(s.Timeout, defaultTimeout) }
