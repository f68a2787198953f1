package ocall_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// held is how much more of the heap is in use after f.
func heldAfter(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// A connection keeps buffers for long frames, some.
func TestLongFramesAreNotKept(t *testing.T) {
	type content struct{ Data []byte }
	f := ocall.Func[content, []byte]{Name: "f", Check: ocall.Unchecked[content, []byte], MaxRequest: 2 << 20, Timeout: long}
	up := ocall.Stream[int, []byte, ocall.None]{Name: "up", Check: ocall.Unchecked[int, ocall.None], MaxUp: 1 << 20, Window: 8 << 20, Timeout: long}
	var mux ocall.Mux
	f.Handle(&mux, func(context.Context, content) ([]byte, error) { return nil, nil })
	up.Handle(&mux, func(_ context.Context, _ int, f *ocall.Flow[ocall.None, []byte]) error {
		_, err := io.Copy(io.Discard, ocall.Reader(f))
		return err
	})
	conn := connect(t, &mux, ocall.Service{f, up})
	data := make([]byte, 1<<20)
	held := heldAfter(func() {
		stream, err := up.Open(t.Context(), conn, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err := stream.Send(data); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Call(t.Context(), conn, content{data}); err != nil {
				t.Fatal(err)
			}
		}
		stream.CloseSend()
		stream.Receive()
		stream.Close()
	})
	t.Logf("%d KiB held", held>>10)
	if held > 16<<20 { // what both halves keep, which are in one process here
		t.Errorf("%d bytes held after 200 long frames", held)
	}
}

// Calls that wait do so with no more than they need.
func TestSmallCallsHoldNoLargeBuffers(t *testing.T) {
	big := ocall.Func[[]byte, []byte]{Name: "big", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 2 << 20, Timeout: long}
	small := ocall.Func[[]byte, []byte]{Name: "small", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 70 << 10, Timeout: long, Concurrency: 1}
	release := make(chan bool)
	var running atomic.Int32
	var mux ocall.Mux
	big.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return nil, nil })
	small.Handle(&mux, held(release, &running))
	conn := connect(t, &mux, ocall.Service{big, small})
	data := make([]byte, 2<<20-100)
	got := heldAfter(func() {
		for n := range 20 {
			if _, err := big.Call(t.Context(), conn, data); err != nil {
				t.Fatal(err)
			}
			go small.Call(context.Background(), conn, data[:70<<10])
			until(t, "a small call waits", func() bool { return ocall.Waiting(conn) == n+1 })
		}
	})
	close(release)
	if got > 16<<20 {
		t.Errorf("%d bytes held by 20 calls of 70 KiB", got)
	}
}

// What a stream's receiver gave back is not kept by chunks of a byte, of which
// the window holds thousands.
func TestSparesFollowTheWindow(t *testing.T) {
	for _, test := range []struct{ spare, chunk, most int }{
		{60 << 10, 1, 130},
		{60 << 10, 20 << 10, 40<<10 + 128},
		{60 << 10, 50 << 10, 60 << 10},
		{100, 60 << 10, 60 << 10},
	} {
		if got := ocall.RoomWith(test.spare, test.chunk); got < test.chunk || got > test.most {
			t.Errorf("with %d bytes to spare, a chunk of %d keeps %d", test.spare, test.chunk, got)
		}
	}
}

// A call's share of Memory is its own until it has returned, and a stream's
// until it is closed.
func TestMemoryIsHeldUntilTheEnd(t *testing.T) {
	checking := make(chan bool)
	var checks atomic.Int32
	f := ocall.Func[[]byte, []byte]{Name: "f", MaxResponse: 1 << 20, MaxRequest: 1, Timeout: long, Check: func(_, _ []byte) error {
		checks.Add(1)
		<-checking
		return nil
	}}
	s := ocall.Stream[int, ocall.None, []byte]{Name: "s", Check: ocall.Unchecked[int, []byte], MaxRequest: 1, Window: 1 << 19, MaxDown: 1 << 18, MaxUp: 1, Timeout: long}
	var mux ocall.Mux
	f.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return make([]byte, 1<<20), nil })
	s.Handle(&mux, func(_ context.Context, _ int, f *ocall.Flow[[]byte, ocall.None]) error {
		return f.Send(make([]byte, 1<<18))
	})
	l, cancel, served := serve(t, &mux, ocall.Service{f, s})
	d := ocall.Dialer{Memory: 4 << 20, Connect: func(context.Context) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}
	conn, err := d.Dial(t.Context(), ocall.Service{f, s})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	done := make(chan error, 10)
	for range 10 {
		go func() { _, err := f.Call(t.Context(), conn, nil); done <- err }()
	}
	until(t, "three are answered", func() bool { return checks.Load() == 3 })
	time.Sleep(20 * time.Millisecond)
	if n := checks.Load(); n != 3 {
		t.Errorf("%d answers of 1 MiB in 3 MiB", n)
	}
	close(checking)
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}

	var flows []*ocall.Flow[ocall.None, []byte]
	for range 2 {
		f, err := s.Open(t.Context(), conn, 0)
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f)
	}
	until(t, "the host has ended them", func() bool { return ocall.Waiting(conn) == 0 })
	short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if _, err := s.Open(short, conn, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a third is opened:", err)
	}
	for _, f := range flows {
		f.Close()
		if _, err := f.Receive(); err == nil || err == io.EOF {
			t.Error("after Close, what was not received:", err)
		}
	}
	again, err := s.Open(t.Context(), conn, 0)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// One that needs much does not keep others waiting who fit, nor they it for ever.
func TestMemoryLetsOthersPass(t *testing.T) {
	never := ocall.Func[[]byte, []byte]{Name: "never", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 10, MaxResponse: 1000, Timeout: 50 * time.Millisecond}
	big := ocall.Func[[]byte, []byte]{Name: "big", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 10, MaxResponse: 1 << 20, Timeout: long}
	quick := ocall.Func[[]byte, []byte]{Name: "quick", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 10, MaxResponse: 100, Timeout: long}
	release := make(chan bool)
	var running atomic.Int32
	var mux ocall.Mux
	never.Handle(&mux, func(context.Context, []byte) ([]byte, error) { <-release; return nil, nil })
	big.Handle(&mux, held(release, &running))
	quick.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return nil, nil })
	l := listen(t)
	go mux.Serve(t.Context(), l, ocall.Service{never, big, quick})
	d := ocall.Dialer{Memory: 1<<20 + 1000, Connect: func(context.Context) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}
	conn, err := d.Dial(t.Context(), ocall.Service{never, big, quick})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go never.Call(context.Background(), conn, nil)
	until(t, "one is unanswered", func() bool { return ocall.Waiting(conn) == 1 })
	done := make(chan error)
	go func() { _, err := big.Call(t.Context(), conn, nil); done <- err }()
	until(t, "one waits", func() bool { return ocall.Waiting(conn) == 2 })
	for range 10 {
		if _, err := quick.Call(t.Context(), conn, nil); err != nil {
			t.Fatal(err)
		}
	}
	quick.Timeout = 100 * time.Millisecond
	passed := 10
	for ; passed < 200; passed++ {
		if _, err := quick.Call(t.Context(), conn, nil); err != nil {
			break
		}
	}
	if n := running.Load(); n != 0 || passed != ocall.InFlight {
		t.Errorf("%d run that have no room, after %d went before it", n, passed)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
