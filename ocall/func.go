package ocall

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Func is a call the trusted half makes and the host half handles. It is
// declared once, as a package variable that both import, and never changed.
// Func values are safe for concurrent use.
type Func[Req, Resp any] struct {
	// Name is 1 to 64 letters, digits, '.', '_', '-' and '/'.
	Name string

	// Check says whether the host may answer req with resp. It runs in the trusted
	// half before Call returns resp, and should refuse whatever the caller could
	// not bear: lengths, offsets, order, counts. A response that comes with a MAC
	// or seal is better opened than checked.
	//
	// Required. Where anything may be answered, write Unchecked.
	Check func(req Req, resp Resp) error

	// MaxRequest and MaxResponse bound the encoded request and response, in bytes.
	// If zero, 64 KiB; at most 64 MiB. A response of []byte takes its size; any
	// other is refused if it would take more than 16 times MaxResponse of memory,
	// but for what types that decode themselves take.
	MaxRequest, MaxResponse int

	// Timeout bounds a call, waiting for its turn included; a context that ends
	// earlier wins. If zero, 30 seconds. A call is given up at its timeout or up
	// to 20 milliseconds later, and the host is told then.
	Timeout time.Duration

	// Concurrency bounds the calls of this name that are unanswered at once, on a
	// connection and by handlers that run in one Serve. More wait for their turn.
	// If zero, only the bounds of Conn and Mux hold.
	Concurrency int

	// Idempotent says that a call may be made again when the connection was lost
	// before its answer: see Retry.
	Idempotent bool

	// Errors are those that come back as such: errors.Is and errors.As find them
	// in what Call returns.
	Errors []DeclaredError
}

// Unchecked is the Check of a call whose caller takes any response for what it
// is: bytes from an attacker.
func Unchecked[Req, Resp any](Req, Resp) error { return nil }

// Call asks the host. It returns as soon as ctx ends, whatever the host does, and
// does not refer to req any more.
// If the error is not nil, the response is the zero value.
//
// An answer that is no Resp, or that Check refuses (or panics on), fails this
// call with ErrViolation and leaves the connection usable; bytes that are no
// answer at all fail every call of the connection.
//
// The service c was dialled with must hold f; its limits are used.
func (f Func[Req, Resp]) Call(ctx context.Context, c *Conn, req Req) (Resp, error) {
	k := c.calling()
	defer c.done(k)
	resp, err := f.call(ctx, c, k, req, true)
	if err != nil {
		var zero Resp
		return zero, door(f.Name, err)
	}
	return resp, nil
}

// CallBorrowed is Call for a caller who keeps nothing of the response: use may
// read and change resp until it returns; then the connection uses its memory
// again. It pays for responses of more than 64 KiB and up to 4 MiB, as []byte or
// as a type whose UnmarshalBinary keeps the slice that it is given, which it may
// do here. Other types are copied when they are decoded.
//
// The error is that of the call, or what use returns. Without a response, use is
// not called. Neither ctx nor Timeout ends it.
//
// use may make calls. Its own counts for Dialer.Memory until use has returned:
// where that has no room for both, the inner one fails at its Timeout.
//
// What use leaves in resp, a secret opened in place for instance, stays in memory:
// clear it. Under the race detector, resp is overwritten after use, so that tests
// find who keeps it.
func (f Func[Req, Resp]) CallBorrowed(ctx context.Context, c *Conn, req Req, use func(resp Resp) error) error {
	if use == nil {
		refuse(f.Name, "use is nil")
	}
	k := c.calling()
	defer c.done(k)
	resp, err := f.call(ctx, c, k, req, false)
	if err != nil {
		return door(f.Name, err)
	}
	return use(resp)
}

func (f Func[Req, Resp]) call(ctx context.Context, c *Conn, k *calling, req Req, keeps bool) (resp Resp, err error) {
	check := f.check()
	m := c.methods[f.Name]
	p, ok := planOf[plan[Req, Resp]](m)
	if !ok || m.maxRequest != limit(f.MaxRequest) || m.maxResponse != limit(f.MaxResponse) {
		return resp, errUndeclared
	}
	if k.tail = p.request.long(req); k.tail == nil {
		if k.frame, err = p.request.append(k.frame, req); err != nil {
			return resp, err
		}
	}
	k.method, k.deadline, k.keeps = m, deadline{timeout: f.timeout()}, keeps && p.response.keeps()
	body, err := c.ask(ctx, k, f.Idempotent)
	if err != nil {
		return resp, err
	}
	resp, err = accept(p.response, func(resp Resp) error { return check(req, resp) }, clipped(body))
	if err == nil && !k.keeps { // an error may refer to it
		k.lent = body
	}
	return resp, err
}

// accept is the last gate. Whatever panics in it does so over the host's bytes.
func accept[T any](c codec[T], check func(T) error, body []byte) (v T, err error) {
	defer func() {
		if recover() != nil {
			err = violation("its answer made the check panic")
		}
	}()
	if v, err = c.decode(body); err != nil {
		return v, violation("its answer is no response: %.128q", err.Error()) // may quote the host
	}
	if err = check(v); err != nil {
		return v, violation("its answer was refused: %w", refused{err})
	}
	return v, nil
}

// refused is what Check says, which may quote the host.
type refused struct{ error }

func (r refused) Error() string { return fmt.Sprintf("%.256q", r.error.Error()) }
func (r refused) Unwrap() error { return r.error }

// Handle has the host half answer f with h, whose ctx ends when the trusted
// half gave up or Serve ends. The text of its error, cut at 1024 bytes, is sent
// to the trusted half. A panic in it is logged and answered "internal error".
// A []byte that it returns is read until it was sent, of which h is not told: it
// must not be changed any more.
//
// Handle panics if mux handles a call of that name already.
func (f Func[Req, Resp]) Handle(mux *Mux, h func(ctx context.Context, req Req) (Resp, error)) {
	f.handle(mux, h, true)
}

// HandleBorrowed is Handle for an h that keeps nothing of a request: its memory is
// used again once the response was sent. That may share memory with the request.
// See CallBorrowed for the sizes.
func (f Func[Req, Resp]) HandleBorrowed(mux *Mux, h func(ctx context.Context, req Req) (Resp, error)) {
	f.handle(mux, h, false)
}

func (f Func[Req, Resp]) handle(mux *Mux, h func(context.Context, Req) (Resp, error), keeps bool) {
	m := f.assemble()
	if h == nil {
		refuse(f.Name, "handler is nil")
	}
	p, _ := planOf[plan[Req, Resp]](m)
	m.lends = !keeps || !p.request.keeps()
	mux.add(m, func(ctx context.Context, r *run) error {
		r.lent = false // an error may refer to the request
		req, err := p.request.decode(clipped(r.body))
		if err != nil {
			return fmt.Errorf("no request: %w", err)
		}
		resp, err := h(ctx, req)
		if err != nil {
			return err
		}
		r.frame = r.frame[:headerSize] // an interceptor may have had another answer
		r.lent = m.lends
		if r.tail = p.response.long(resp); r.tail == nil {
			r.frame, err = p.response.append(r.frame, resp)
		}
		r.handling.Response = len(r.frame) - headerSize + len(r.tail)
		return err
	})
}

// plan is what Call and Handle keep of the walk over a Func's types.
type plan[Req, Resp any] struct {
	request  codec[Req]
	response codec[Resp]
}

func planOf[P any](m *method) (*P, bool) {
	if m == nil {
		return nil, false
	}
	p, ok := m.plan.(*P)
	return p, ok
}

func (f Func[Req, Resp]) assemble() *method {
	validate(f.Name, f.Timeout, f.Concurrency, f.MaxRequest, f.MaxResponse)
	f.check()
	p := new(plan[Req, Resp])
	m := &method{name: f.Name, maxRequest: limit(f.MaxRequest), maxResponse: limit(f.MaxResponse), concurrency: f.Concurrency, plan: p}
	var request, response string
	p.request, request = newCodec[Req](f.Name+": request", m.maxRequest)
	p.response, response = newCodec[Resp](f.Name+": response", m.maxResponse)
	m.memory = uint64(m.maxRequest) + taken(p.response, m.maxResponse)
	errs, text := declareErrors(f.Name, f.Errors)
	m.errors = errs
	m.line = fmt.Sprintf("%s(%s max=%d) %s max=%d%s", m.name, request, m.maxRequest, response, m.maxResponse, text)
	return m
}

// validate panics if a Func or Stream cannot work as it is declared.
func validate(name string, timeout time.Duration, concurrency int, limits ...int) {
	if !validName(name) {
		refuse(strconv.Quote(name), "no name of a call: 1 to 64 letters, digits, '.', '_', '-' and '/'")
	}
	for _, n := range limits {
		if n < 0 || n > maxBody {
			refuse(name, "MaxRequest and its like are 0 to 64 MiB")
		}
	}
	if timeout < 0 {
		refuse(name, "Timeout is negative")
	}
	if concurrency < 0 {
		refuse(name, "Concurrency is negative")
	}
}

func (f Func[Req, Resp]) check() func(Req, Resp) error {
	if f.Check == nil {
		refuse(f.Name, "Check is nil: say what the host may answer, or ocall.Unchecked")
	}
	return f.Check
}

func (f Func[Req, Resp]) timeout() time.Duration {
	return cmp.Or(f.Timeout, defaultTimeout)
}

func limit(n int) uint32 {
	if n == 0 {
		return defaultBody
	}
	return uint32(n)
}

func validName(name string) bool {
	return name != "" && len(name) <= maxName && strings.IndexFunc(name, oddInName) < 0
}

func oddInName(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("._-/", r)
}
