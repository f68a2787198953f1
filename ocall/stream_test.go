package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

func stream[Req, Up, Down any](name string) ocall.Stream[Req, Up, Down] {
	return ocall.Stream[Req, Up, Down]{Name: name, Check: ocall.Unchecked[Req, Down], Timeout: long}
}

// open serves s by h and opens it.
func open[Req, Up, Down any](t *testing.T, s ocall.Stream[Req, Up, Down], req Req, h func(context.Context, Req, *ocall.Flow[Down, Up]) error) *ocall.Flow[Up, Down] {
	t.Helper()
	var mux ocall.Mux
	s.Handle(&mux, h)
	f, err := s.Open(t.Context(), connect(t, &mux, ocall.Service{s}), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestStreamOfValues(t *testing.T) {
	f := open(t, stream[int, ocall.None, Entry]("list"), 3, func(ctx context.Context, n int, f *ocall.Flow[Entry, ocall.None]) error {
		for i := range n {
			if err := f.Send(Entry{Name: strconv.Itoa(i), Size: uint64(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	var got []string
	for e, err := range f.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Name)
	}
	if strings.Join(got, "") != "012" {
		t.Error(got)
	}
	for range 2 {
		if _, err := f.Receive(); err != io.EOF {
			t.Error(err)
		}
	}
}

func TestStreamBothWays(t *testing.T) {
	f := open(t, stream[string, string, string]("talk"), "hello ", func(ctx context.Context, greeting string, f *ocall.Flow[string, string]) error {
		for name, err := range f.All() {
			if err != nil {
				return err
			}
			if err := f.Send(greeting + name); err != nil {
				return err
			}
		}
		return f.Send("bye")
	})
	for _, name := range []string{"a", "b"} {
		if err := f.Send(name); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Receive(); got != "hello "+name {
			t.Error(got, err)
		}
	}
	if err := f.CloseSend(); err != nil {
		t.Error(err)
	}
	if got, err := f.Receive(); got != "bye" {
		t.Error(got, err)
	}
	if _, err := f.Receive(); err != io.EOF {
		t.Error(err)
	}
	if err := f.Send("late"); err == nil {
		t.Error("sent after the end")
	}
}

func TestStreamOfBytesKeepsThem(t *testing.T) {
	want := make([]byte, 3<<20+17)
	for i := range want {
		want[i] = byte(i * 7 / 3)
	}
	echoes := stream[ocall.None, []byte, []byte]("echo")
	f := open(t, echoes, ocall.None{}, func(ctx context.Context, _ ocall.None, f *ocall.Flow[[]byte, []byte]) error {
		_, err := io.Copy(ocall.Writer(f), ocall.Reader(f))
		return err
	})
	var sending sync.WaitGroup
	sending.Go(func() {
		w := ocall.Writer(f)
		if _, err := w.Write(want); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	got, err := io.ReadAll(ocall.Reader(f))
	sending.Wait()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
}

// What passes through does not matter, only what is under way: a large file
// takes less than 1 MiB of the trusted half's memory, garbage included (beyond
// 128 MiB it is collected now and then). OCALL_TEST_STREAM is its
// length in MiB; 10240 shows it for 10 GiB.
func TestStreamTakesLittleMemory(t *testing.T) {
	n := int64(64 << 20)
	if v := os.Getenv("OCALL_TEST_STREAM"); v != "" {
		mib, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		n = int64(mib) << 20
	}
	conn := dialPeer(t, startPeer(t))
	t.Run("down", func(t *testing.T) {
		f, err := zeros.Open(t.Context(), conn, n)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		taken := heapWhile(func(look func()) {
			got, err := io.CopyBuffer(looking{look, new(int)}, onlyReader{ocall.Reader(f)}, make([]byte, 32<<10))
			if got != n || err != nil {
				t.Errorf("%d of %d bytes, %v", got, n, err)
			}
		})
		if t.Logf("%d MiB took %d KiB of heap", n>>20, taken>>10); taken > 1<<20 {
			t.Errorf("a stream took %d bytes of memory", taken)
		}
	})
	t.Run("up", func(t *testing.T) {
		f, err := count.Open(t.Context(), conn, ocall.None{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		taken := heapWhile(func(look func()) {
			w, piece := ocall.Writer(f), make([]byte, 32<<10)
			for sent := int64(0); sent < n; sent += int64(len(piece)) {
				if _, err := w.Write(piece); err != nil {
					t.Fatal(err)
				}
				if sent%(4<<20) == 0 {
					look()
				}
			}
			w.Close()
			if got, err := f.Receive(); got != n {
				t.Errorf("%d of %d bytes, %v", got, n, err)
			}
		})
		if t.Logf("%d MiB took %d KiB of heap", n>>20, taken>>10); taken > 1<<20 {
			t.Errorf("a stream took %d bytes of memory", taken)
		}
	})
}

type onlyReader struct{ io.Reader }

// looking takes the measure every few MiB.
type looking struct {
	look func()
	n    *int
}

func (l looking) Write(p []byte) (int, error) {
	if *l.n += len(p); *l.n > 4<<20 {
		*l.n = 0
		l.look()
	}
	return len(p), nil
}

// heapWhile is the most that the heap grew by, garbage included.
func heapWhile(f func(look func())) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	looks := 0
	f(func() {
		if looks++; looks%32 == 0 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	})
	return most - min(before, most)
}

func TestStreamsThatAreNotReceived(t *testing.T) {
	sent := make(chan int, 1000)
	s := stream[ocall.None, ocall.None, []byte]("flood")
	s.Window, s.MaxDown = 1000, 100
	f := open(t, s, ocall.None{}, func(ctx context.Context, _ ocall.None, f *ocall.Flow[[]byte, ocall.None]) error {
		for i := range 50 {
			if err := f.Send(make([]byte, 36)); err != nil {
				return err
			}
			sent <- i
		}
		return nil
	})
	for range 10 {
		<-sent
	}
	time.Sleep(5 * time.Millisecond)
	if len(sent) > 0 {
		t.Error("more was sent than the window holds")
	}
	n := 0
	for _, err := range f.All() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 50 {
		t.Errorf("%d chunks", n)
	}
}

func TestStreamErrors(t *testing.T) {
	lies := errors.New("not in order")
	checked := ocall.Stream[int, ocall.None, int]{Name: "s", Timeout: long, Check: func(most, chunk int) error {
		if chunk > most {
			return lies
		}
		return nil
	}, Errors: []ocall.DeclaredError{ocall.ErrorValue("none", os.ErrNotExist)}, MaxTotal: 64}
	for name, c := range map[string]struct {
		handle func(*ocall.Flow[int, ocall.None]) error
		is     error
	}{
		"refused":  {func(f *ocall.Flow[int, ocall.None]) error { return f.Send(10) }, lies},
		"declared": {func(f *ocall.Flow[int, ocall.None]) error { return os.ErrNotExist }, os.ErrNotExist},
		"too much": {func(f *ocall.Flow[int, ocall.None]) error {
			for range 65 {
				f.Send(1)
			}
			return nil
		}, ocall.ErrViolation},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, checked, 5, func(ctx context.Context, _ int, f *ocall.Flow[int, ocall.None]) error { return c.handle(f) })
			var err error
			for err == nil {
				_, err = f.Receive()
			}
			if !errors.Is(err, c.is) || err == io.EOF {
				t.Error(err)
			}
		})
	}
}

func TestStreamsEndFromBothEnds(t *testing.T) {
	began, ended := make(chan bool, 10), make(chan error, 10)
	s := stream[string, []byte, []byte]("s")
	handle := func(ctx context.Context, what string, f *ocall.Flow[[]byte, []byte]) (err error) {
		began <- true
		defer func() { ended <- err }()
		if what == "receive" {
			_, err = f.Receive()
			return err
		}
		for err == nil {
			err = f.Send(make([]byte, 1000))
		}
		return err
	}
	for _, what := range []string{"receive", "send"} {
		f := open(t, s, what, handle)
		<-began
		f.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Close: the handler saw %v", what, err)
		}
		if _, err := f.Receive(); err == nil || err == io.EOF {
			t.Error("received after Close:", err)
		}
	}
	var mux ocall.Mux
	s.Handle(&mux, handle)
	conn := connect(t, &mux, ocall.Service{s})
	ctx, cancel := context.WithCancel(t.Context())
	f, err := s.Open(ctx, conn, "receive")
	if err != nil {
		t.Fatal(err)
	}
	<-began
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error("the handler saw", err)
	}
	if _, err := f.Receive(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	impatient := s
	impatient.Timeout = time.Millisecond
	f, err = impatient.Open(t.Context(), conn, "receive")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Receive(); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a host that sends nothing:", err)
	}
	<-ended
	f, err = s.Open(t.Context(), conn, "receive")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := f.Receive(); !errors.Is(err, ocall.ErrClosed) {
		t.Error("a connection that was closed:", err)
	}
}

// More streams than slots: abandoned ones give theirs back when the host has
// acknowledged.
func TestAbandonedStreamsGiveTheirSlotsBack(t *testing.T) {
	var mux ocall.Mux
	s := stream[ocall.None, []byte, []byte]("s")
	s.Handle(&mux, func(ctx context.Context, _ ocall.None, f *ocall.Flow[[]byte, []byte]) error {
		for {
			if err := f.Send(make([]byte, 5000)); err != nil {
				return err
			}
		}
	})
	conn := connect(t, &mux, ocall.Service{s})
	for i := range 3 * ocall.InFlight {
		f, err := s.Open(t.Context(), conn, ocall.None{})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := f.Receive(); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
	if err := conn.Err(); err != nil {
		t.Error(err)
	}
}

// What a host can do to a stream beside answering.
func TestHostileStreams(t *testing.T) {
	s := stream[string, []byte, []byte]("s")
	s.Window, s.MaxDown = 1000, 500
	number := func(n uint64, size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(n >> (8 * i))
		}
		return b
	}
	frame := func(a asked, kind byte, body []byte) []byte {
		return a.with(func(a *asked) { a.kind, a.body, a.length = kind, body, uint32(len(body)) })
	}
	for name, c := range map[string]struct {
		bytes func(asked) []byte
		is    error
	}{
		"honest": {func(a asked) []byte {
			return append(frame(a, kindChunk, []byte("x")), frame(a, kindAnswer, number(1, 8))...)
		}, io.EOF},
		"empty": {func(a asked) []byte { return frame(a, kindAnswer, number(0, 8)) }, io.EOF},
		"a chunk too few": {func(a asked) []byte {
			return append(frame(a, kindChunk, []byte("x")), frame(a, kindAnswer, number(2, 8))...)
		}, ocall.ErrViolation},
		"a chunk too many": {func(a asked) []byte {
			return append(frame(a, kindChunk, []byte("x")), frame(a, kindAnswer, number(0, 8))...)
		}, ocall.ErrViolation},
		"end of other size": {func(a asked) []byte { return frame(a, kindAnswer, number(0, 7)) }, ocall.ErrViolation},
		"chunk over":        {func(a asked) []byte { return frame(a, kindChunk, make([]byte, 501)) }, ocall.ErrViolation},
		"window over":       {func(a asked) []byte { return bytes.Repeat(frame(a, kindChunk, make([]byte, 500)), 2) }, ocall.ErrViolation},
		"empty chunks":      {func(a asked) []byte { return bytes.Repeat(frame(a, kindChunk, nil), 16) }, ocall.ErrViolation},
		"credit over":       {func(a asked) []byte { return frame(a, kindCredit, number(1, 4)) }, ocall.ErrViolation},
		"credit of nothing": {func(a asked) []byte { return frame(a, kindCredit, number(0, 4)) }, ocall.ErrViolation},
		"credit huge":       {func(a asked) []byte { return frame(a, kindCredit, number(1<<32-1, 4)) }, ocall.ErrViolation},
		"credit of no size": {func(a asked) []byte { return frame(a, kindCredit, nil) }, ocall.ErrViolation},
		"end from the host": {func(a asked) []byte { return frame(a, kindEnd, number(0, 8)) }, ocall.ErrViolation},
		"after the end":     {func(a asked) []byte { return append(frame(a, kindAnswer, number(0, 8)), frame(a, kindChunk, nil)...) }, io.EOF},
		"cut":               {func(a asked) []byte { return frame(a, kindChunk, []byte("x")) }, ocall.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			conn := hostile(t, ocall.Service{s}, func(h host) {
				h.Write(c.bytes(h.next()))
				if c.is == ocall.ErrClosed {
					h.Close()
				}
			})
			f, err := s.Open(t.Context(), conn, "a")
			for err == nil {
				_, err = f.Receive()
			}
			if !errors.Is(err, c.is) || (err == io.EOF) != (c.is == io.EOF) {
				t.Error(err)
			}
		})
	}
}

// Frames of a call are no frames of a stream, and the other way round.
func TestHostileTrustedStreams(t *testing.T) {
	s := stream[string, []byte, []byte]("a")
	s.Window, s.MaxUp, s.MaxDown = 1000, 500, 500
	f := declare[string, string]("b")
	service := ocall.Service{s, f}
	request := asked{kind: kindRequest, length: 2, body: []byte("\x61a")}
	call := asked{kind: kindRequest, call: 1, slot: 1, length: 2, body: []byte("\x61a")}
	chunk := func(a asked, n int) []byte {
		return a.with(func(a *asked) { a.kind, a.body, a.length = kindChunk, make([]byte, n), uint32(n) })
	}
	for name, b := range map[string][]byte{
		"chunk over":       append(request.bytes(), chunk(request, 501)...),
		"window over":      append(request.bytes(), bytes.Repeat(chunk(request, 500), 2)...),
		"chunk of a call":  append(call.bytes(), chunk(call, 1)...),
		"credit over":      append(request.bytes(), request.with(func(a *asked) { a.kind, a.body, a.length = kindCredit, []byte{1, 0, 0, 0}, 4 })...),
		"end of too many":  append(request.bytes(), request.with(func(a *asked) { a.kind, a.body, a.length = kindEnd, []byte{1, 0, 0, 0, 0, 0, 0, 0}, 8 })...),
		"end over":         append(request.bytes(), request.with(func(a *asked) { a.kind, a.body, a.length = kindEnd, make([]byte, 9), 9 })...),
		"answer to itself": append(request.bytes(), request.with(func(a *asked) { a.kind = kindAnswer })...),
	} {
		t.Run(name, func(t *testing.T) {
			var mux ocall.Mux
			s.Handle(&mux, func(ctx context.Context, _ string, _ *ocall.Flow[[]byte, []byte]) error { <-ctx.Done(); return nil })
			f.Handle(&mux, func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", nil })
			l := listen(t)
			go mux.Serve(t.Context(), l, service)
			nc, err := net.Dial("unix", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.Write(append(helloOf(service), b...))
			nc.SetReadDeadline(time.Now().Add(long))
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the host did not hang up")
			}
		})
	}
	t.Run("a chunk of a stream under the id of a call", func(t *testing.T) {
		var mux ocall.Mux
		s.Handle(&mux, func(ctx context.Context, _ string, _ *ocall.Flow[[]byte, []byte]) error { return nil })
		f.Handle(&mux, func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", nil })
		l := listen(t)
		go mux.Serve(t.Context(), l, service)
		nc, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		h := host{t, nc}
		h.Write(helloOf(service))
		h.next()
		h.Write(call.bytes())
		h.Write(chunk(asked{slot: 1}, 1))                                                    // dropped
		h.Write(call.with(func(a *asked) { a.kind, a.length, a.body = kindCancel, 0, nil })) // still heard
		if a := h.next(); a.slot != 1 {
			t.Error(a)
		}
	})
}
