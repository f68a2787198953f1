package ocall_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// What follows speaks the wire by hand, from WIRE.md, so that it does not share
// the package's mistakes.

const (
	kindHello, kindSurface, kindRequest, kindCancel, kindAnswer, kindFailure = 1, 2, 3, 4, 5, 6
	kindChunk, kindCredit, kindEnd                                           = 7, 8, 9
)

// asked is a request as the host sees it.
type asked struct {
	kind   byte
	call   uint16
	slot   uint32
	uses   uint32
	length uint32
	body   []byte
}

func (a asked) bytes() []byte {
	b := []byte{a.kind, 0}
	b = binary.LittleEndian.AppendUint16(b, a.call)
	b = binary.LittleEndian.AppendUint32(b, a.slot)
	b = binary.LittleEndian.AppendUint32(b, a.uses)
	return append(binary.LittleEndian.AppendUint32(b, a.length), a.body...)
}

// answer is the honest answer to a, with body.
func (a asked) answer(body []byte) asked {
	a.kind, a.body, a.length = kindAnswer, body, uint32(len(body))
	return a
}

func (a asked) with(change func(*asked)) []byte {
	change(&a)
	return a.bytes()
}

// host is the other end, in the hands of an attacker.
type host struct {
	t *testing.T
	net.Conn
}

// read ends the script when the trusted half is gone.
func (h host) read(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(h, b); err != nil {
		runtime.Goexit()
	}
	return b
}

func (h host) next() (a asked) {
	b := h.read(16)
	a = asked{b[0], binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:]), nil}
	a.body = h.read(int(a.length))
	return a
}

func helloOf(s ocall.Service) []byte {
	f := s.Fingerprint()
	body := append([]byte("\x89ocall\r\n\x02\x00\x00\x00\x40\x00\x00\x00"), f[:]...)
	return asked{kind: kindHello, length: 48, body: body}.bytes()
}

// hostile dials s at a host that greets and then does script.
func hostile(t *testing.T, s ocall.Service, script func(host)) *ocall.Conn {
	t.Helper()
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		h := host{t, nc}
		h.next()
		h.Write(helloOf(s))
		script(h)
		io.Copy(io.Discard, h)
	}()
	conn := dial(t, l, s)
	t.Cleanup(func() { conn.Close(); <-done })
	return conn
}

var entryOfA = []byte("\xa2\x64Name\x61a\x64Size\x01")

// patient calls wait for what the attacker does, however slow the machine.
var patient = func() ocall.Func[string, Entry] { f := Stat; f.Timeout = long; return f }()

func TestHostileHost(t *testing.T) {
	const (
		call = "fails this call"
		all  = "fails the connection"
	)
	frames := map[string]struct {
		fails string
		bytes func(asked) []byte
	}{
		"honest":              {"", func(a asked) []byte { return a.answer(entryOfA).bytes() }},
		"length 0xffffffff":   {all, func(a asked) []byte { return a.answer(nil).with(func(a *asked) { a.length = 0xffffffff }) }},
		"one over the limit":  {all, func(a asked) []byte { return a.answer(make([]byte, 65537)).bytes() }},
		"wrong slot":          {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.slot ^= 1 }) }},
		"slot out of range":   {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.slot = 64 }) }},
		"slot 0xffffffff":     {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.slot = 0xffffffff }) }},
		"next use":            {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.uses++ }) }},
		"another call":        {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.call = 0 }) }},
		"a call out of range": {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.call = 0xffff }) }},
		"kind 0":              {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.kind = 0 }) }},
		"kind 255":            {all, func(a asked) []byte { return a.answer(entryOfA).with(func(a *asked) { a.kind = 255 }) }},
		"a request":           {all, func(a asked) []byte { return a.bytes() }},
		"a cancel":            {all, func(a asked) []byte { return a.with(func(a *asked) { a.kind, a.length, a.body = kindCancel, 0, nil }) }},
		"a hello":             {all, func(a asked) []byte { return helloOf(Service) }},
		"reserved byte":       {all, func(a asked) []byte { b := a.answer(entryOfA).bytes(); b[1] = 1; return b }},
		"garbage":             {all, func(a asked) []byte { return bytes.Repeat([]byte("GET / "), 20) }},
		"message too long": {all, func(a asked) []byte {
			return a.answer(make([]byte, 1026)).with(func(a *asked) { a.kind = kindFailure })
		}},
		"no body":           {call, func(a asked) []byte { return a.answer(nil).bytes() }},
		"trailing bytes":    {call, func(a asked) []byte { return a.answer(append(entryOfA[:len(entryOfA):len(entryOfA)], 0)).bytes() }},
		"int not minimal":   {call, func(a asked) []byte { return a.answer([]byte("\xa2\x64Name\x61a\x64Size\x18\x01")).bytes() }},
		"unsorted":          {call, func(a asked) []byte { return a.answer([]byte("\xa2\x64Size\x01\x64Name\x61a")).bytes() }},
		"duplicate key":     {call, func(a asked) []byte { return a.answer([]byte("\xa2\x64Name\x61a\x64Name\x61a")).bytes() }},
		"unknown field":     {call, func(a asked) []byte { return a.answer([]byte("\xa3\x64Name\x61a\x64Size\x01\x64Xize\x01")).bytes() }},
		"NUL text":          {call, func(a asked) []byte { return a.answer([]byte("\xa2\x64Name\x62a\x00\x64Size\x01")).bytes() }},
		"answer to another": {call, func(a asked) []byte { return a.answer([]byte("\xa2\x64Name\x61b\x64Size\x01")).bytes() }},
	}
	for name, f := range frames {
		t.Run(name, func(t *testing.T) {
			answered := make(chan bool)
			conn := hostile(t, Service, func(h host) {
				a := h.next()
				h.Write(f.bytes(a))
				<-answered
				if f.fails == call { // the connection is still good for the next call
					h.Write(h.next().answer(entryOfA).bytes())
				}
			})
			e, err := patient.Call(t.Context(), conn, "a")
			close(answered)
			switch {
			case f.fails == "" && (err != nil || e != Entry{"a", 1}):
				t.Error(e, err)
			case f.fails != "" && (!errors.Is(err, ocall.ErrViolation) || e != Entry{}):
				t.Errorf("%v, %v", e, err)
			case errors.Is(err, ocall.ErrClosed) != (f.fails == all):
				t.Errorf("%v, want what %s", err, f.fails)
			}
			if f.fails != "" {
				if _, err := patient.Call(t.Context(), conn, "a"); (err == nil) != (f.fails == call) {
					t.Error("the next call:", err)
				}
			}
		})
	}
}

func TestHostSaysAnything(t *testing.T) {
	conn := hostile(t, Service, func(h host) {
		h.Write(h.next().answer([]byte("\x00\xff\n\x00 context deadline exceeded")).with(func(a *asked) { a.kind = kindFailure }))
	})
	_, err := patient.Call(t.Context(), conn, "a")
	if errors.Is(err, context.DeadlineExceeded) || err.Error() != `ocall: blob.stat: the host said "\xff\n\x00 context deadline exceeded"` {
		t.Error(err)
	}
}

// parrot is a type whose errors repeat their input.
type parrot struct{}

func (parrot) AppendBinary(b []byte) ([]byte, error) { return b, nil }
func (*parrot) UnmarshalBinary(b []byte) error       { return errors.New(string(b)) }

func TestErrorsDoNotRepeatTheHost(t *testing.T) {
	f := declare[string, parrot]("parrot")
	conn := hostile(t, ocall.Service{f}, func(h host) {
		h.Write(h.next().answer([]byte("\n" + strings.Repeat("x", 10_000))).bytes())
	})
	if _, err := f.Call(t.Context(), conn, ""); !errors.Is(err, ocall.ErrViolation) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
		t.Error(err)
	}
}

func TestUnsolicitedAndDuplicateAnswers(t *testing.T) {
	t.Run("before any request", func(t *testing.T) {
		conn := hostile(t, Service, func(h host) { h.Write(asked{call: 1}.answer(entryOfA).bytes()) })
		eventually(t, func() bool { return conn.Err() != nil })
		if _, err := patient.Call(t.Context(), conn, "a"); !errors.Is(err, ocall.ErrViolation) || !errors.Is(err, ocall.ErrClosed) {
			t.Error(err)
		}
	})
	t.Run("twice", func(t *testing.T) {
		conn := hostile(t, Service, func(h host) {
			a := h.next().answer(entryOfA).bytes()
			h.Write(append(a, a...))
		})
		patient.Call(t.Context(), conn, "a") // either: the first answer was right
		eventually(t, func() bool { return conn.Err() != nil })
		if _, err := patient.Call(t.Context(), conn, "a"); !errors.Is(err, ocall.ErrViolation) {
			t.Error(err)
		}
	})
	t.Run("replayed to a later use of the slot", func(t *testing.T) {
		conn := hostile(t, Service, func(h host) {
			for {
				a := h.next()
				if a.uses == 0 {
					h.Write(a.answer(entryOfA).bytes())
					continue
				}
				h.Write(a.answer(entryOfA).with(func(a *asked) { a.uses-- }))
				return
			}
		})
		var err error
		for range ocall.InFlight + 1 {
			_, err = patient.Call(t.Context(), conn, "a")
		}
		if !errors.Is(err, ocall.ErrViolation) || !errors.Is(err, ocall.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestTruncatedFrames(t *testing.T) {
	frame := asked{call: 1}.answer(entryOfA).bytes()
	for n := range frame {
		conn := hostile(t, Service, func(h host) {
			a := h.next()
			h.Write(a.answer(entryOfA).bytes()[:n])
			h.Close()
		})
		if e, err := patient.Call(t.Context(), conn, "a"); !errors.Is(err, ocall.ErrClosed) || e != (Entry{}) {
			t.Errorf("%d of %d bytes: %v, %v", n, len(frame), e, err)
		}
	}
}

func TestSlowDrip(t *testing.T) {
	conn := hostile(t, Service, func(h host) {
		for _, b := range h.next().answer(entryOfA).bytes() {
			h.Write([]byte{b})
			time.Sleep(10 * time.Microsecond)
		}
	})
	if e, err := patient.Call(t.Context(), conn, "a"); err != nil || e != (Entry{"a", 1}) {
		t.Error(e, err)
	}
}

// A host that never answers uses the connection up, and nothing else: each
// caller is back by its deadline, and no slot is used for two calls.
func TestNeverAnswers(t *testing.T) {
	seen := make(chan asked, 1000)
	stop := make(chan bool)
	conn := hostile(t, Service, func(h host) {
		for {
			select {
			case <-stop:
				return
			case seen <- h.next():
			}
		}
	})
	impatient := Stat
	impatient.Timeout = 100 * time.Microsecond
	for range ocall.InFlight + 3 {
		if _, err := impatient.Call(t.Context(), conn, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	close(stop)
	conn.Close()
	requests, cancels := map[uint32]bool{}, 0
	for range 2 * ocall.InFlight {
		switch a := <-seen; {
		case a.kind == kindCancel:
			cancels++
		case requests[a.slot]:
			t.Fatalf("slot %d was used again before its answer", a.slot)
		default:
			requests[a.slot] = true
		}
	}
	if cancels != ocall.InFlight {
		t.Errorf("%d cancels", cancels)
	}
}

func TestLateAnswers(t *testing.T) {
	conn := hostile(t, Service, func(h host) {
		first := h.next()
		for first.kind != kindRequest || h.next().kind != kindCancel {
			h.t.Error("a request and its cancel were expected")
		}
		h.Write(first.answer([]byte("anything")).bytes())
		for uses := first.uses + 1; ; {
			a := h.next()
			if a.slot == first.slot {
				if a.uses != uses {
					h.t.Errorf("use %d, want %d", a.uses, uses)
				}
				uses++
			}
			h.Write(a.answer(entryOfA).bytes())
		}
	})
	impatient := Stat
	impatient.Timeout = time.Millisecond
	if _, err := impatient.Call(t.Context(), conn, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	eventually(t, func() bool { return conn.Late() == 1 })
	for range ocall.InFlight {
		if _, err := patient.Call(t.Context(), conn, "a"); err != nil {
			t.Fatal(err)
		}
	}
}

// A host that does not read must not hold callers up: their frames wait.
func TestHostStopsReading(t *testing.T) {
	for name, size := range map[string]int{"that fit the socket's buffer or not": 4 << 10, "that fit in part": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			done := make(chan bool)
			conn := hostile(t, ocall.Service{echo}, func(h host) { <-done })
			defer close(done)
			f := echo
			f.Timeout = 100 * time.Microsecond
			finished := make(chan bool)
			go func() {
				defer close(finished)
				for range ocall.InFlight {
					if _, err := f.Call(t.Context(), conn, make([]byte, size)); !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				}
			}()
			select {
			case <-finished:
			case <-time.After(long):
				t.Error("a call waits for the host to read")
			}
		})
	}
}

func TestLyingLengthTakesNoMemory(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	f.MaxResponse = 1 << 10
	got := allocated(func() {
		if t.Failed() {
			return
		}
		conn := hostile(t, ocall.Service{f}, func(h host) {
			h.Write(h.next().answer(nil).with(func(a *asked) { a.length = 64 << 20 }))
		})
		if _, err := f.Call(t.Context(), conn, nil); !errors.Is(err, ocall.ErrViolation) {
			t.Error(err)
		}
	})
	if got > 1<<20 {
		t.Errorf("%d bytes set aside for a length over the limit", got)
	}
}

// What a stranger at the host's socket can do: end its own connection.
func TestHostileTrustedHalf(t *testing.T) {
	request := asked{kind: kindRequest, call: 1, length: 2, body: []byte("\x61a")}
	for name, b := range map[string][]byte{
		"unknown call":     request.with(func(a *asked) { a.call = 2 }),
		"slot over":        request.with(func(a *asked) { a.slot = 64 }),
		"length over":      request.with(func(a *asked) { a.length = 65537 }),
		"length huge":      request.with(func(a *asked) { a.length = 0xffffffff }),
		"an answer":        request.with(func(a *asked) { a.kind = kindAnswer }),
		"cancel with body": request.with(func(a *asked) { a.kind = kindCancel }),
		"id twice":         append(request.bytes(), request.bytes()...),
		"garbage":          []byte(strings.Repeat("x", 100)),
		"kind 0":           make([]byte, 16),
	} {
		t.Run(name, func(t *testing.T) {
			var mux ocall.Mux
			Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) { return nil, nil })
			Stat.Handle(&mux, func(ctx context.Context, name string) (Entry, error) {
				<-ctx.Done()
				return Entry{}, ctx.Err()
			})
			l := listen(t)
			go mux.Serve(t.Context(), l, Service)
			nc, err := net.Dial("unix", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.Write(append(helloOf(Service), b...))
			nc.SetReadDeadline(time.Now().Add(long))
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the host did not hang up")
			}
			conn := dial(t, l, Service)
			defer conn.Close()
			if _, err := Load.Call(t.Context(), conn, "a"); err != nil {
				t.Error("others suffered:", err)
			}
		})
	}
}

func TestRequestsAreDecodedStrictly(t *testing.T) {
	var mux ocall.Mux
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) { t.Error("reached with", name); return nil, nil })
	l := listen(t)
	go mux.Serve(t.Context(), l, ocall.Service{Load})
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	h := host{t, nc}
	h.Write(helloOf(ocall.Service{Load}))
	h.next()
	for _, body := range []string{"", "\x41a", "\x78\x01a", "\x61a\x00", "\x61\xff"} {
		h.Write(asked{kind: kindRequest, length: uint32(len(body)), body: []byte(body)}.bytes())
		if a := h.next(); a.kind != kindFailure || !strings.HasPrefix(string(a.body), "\x00no request: ") {
			t.Errorf("%q: kind %d, %q", body, a.kind, a.body)
		}
	}
}
