package ocall_test

import (
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Where polling is in vain, it is left out more and more, and begins again once
// it was not.
func TestPollsWhileItPays(t *testing.T) {
	if runtime.NumCPU() == 1 {
		t.Skip("nothing polls on one processor")
	}
	in := slices.Repeat([]bool{false}, 400)
	polled := ocall.Polls(in...)
	count := func(from, to int) (n int) {
		for _, p := range polled[from:to] {
			if p {
				n++
			}
		}
		return n
	}
	if count(0, 4) != 4 || count(0, 20) > 10 || count(200, 400) > 4 {
		t.Errorf("polled %d of 4, %d of 20, %d of 200 times in vain", count(0, 4), count(0, 20), count(200, 400))
	}
	for i := range in[200:] {
		in[200+i] = true
	}
	for i := range in[350:353] { // which is forgiven
		in[350+i] = false
	}
	polled = ocall.Polls(in...)
	if count(300, 400) != 100 {
		t.Errorf("%d of 100 times, when that was not in vain", count(300, 400))
	}
}

// Whoever polls for long still ends at once, and hears of the end of others.
func TestPollingEnds(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	mux := ocall.Mux{BusyPoll: time.Hour}
	f.Handle(&mux, echoes)
	l, stop, served := serve(t, &mux, ocall.Service{f})
	conns := []*ocall.Conn{dial(t, l, ocall.Service{f}), dial(t, l, ocall.Service{f}), dial(t, l, ocall.Service{f})}
	for _, conn := range conns {
		for range 3 {
			if _, err := f.Call(t.Context(), conn, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	conns[0].Close()
	within(t, "a call beside one who polls", func() {
		if _, err := f.Call(t.Context(), conns[1], []byte("x")); err != nil {
			t.Error(err)
		}
	})
	within(t, "serving", func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	for _, conn := range conns[1:] {
		until(t, "the end is heard of", func() bool { return conn.Err() != nil })
		if err := conn.Err(); !errors.Is(err, ocall.ErrClosed) || !strings.HasSuffix(err.Error(), "by the other half") {
			t.Error(err) // nothing of what it said was left unread
		}
	}
}

// Whoever asks without end does not keep from it.
func TestPollingEndsUnderAFlood(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	mux := ocall.Mux{BusyPoll: time.Hour}
	f.Handle(&mux, echoes)
	l, stop, served := serve(t, &mux, ocall.Service{f})
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	h := host{t, nc} // the trusted half, which reads no answers
	h.Write(helloOf(ocall.Service{f}))
	for range 8 {
		go func() {
			cancels := slices.Repeat(asked{kind: kindCancel}.bytes(), 50)
			for {
				if _, err := nc.Write(cancels); err != nil {
					return
				}
			}
		}()
	}
	h.next()
	within(t, "serving", func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// Whoever reads no answers is not listened to any more.
func TestPollingEndsWithTheWriter(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	l := listen(t)
	mux := ocall.Mux{BusyPoll: time.Hour, Connections: 1}
	f.Handle(&mux, echoes)
	go mux.Serve(t.Context(), l, ocall.Service{f})
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	h := host{t, nc} // the trusted half
	h.Write(helloOf(ocall.Service{f}))
	h.next()
	nc.(*net.UnixConn).CloseRead()
	h.Write(asked{kind: kindRequest}.bytes())
	within(t, "its session", func() {
		conn := dial(t, l, ocall.Service{f}) // in its place
		if _, err := f.Call(t.Context(), conn, nil); err != nil {
			t.Error(err)
		}
	})
}

// What comes in many pieces, or many at once, is read once each.
func TestPollingReadsOnce(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	f.MaxRequest, f.MaxResponse = 1<<20, 1<<20
	mux := ocall.Mux{BusyPoll: 5 * time.Millisecond}
	f.Handle(&mux, echoes)
	echo.Handle(&mux, echoes)
	conn := connect(t, &mux, ocall.Service{f, echo})
	for _, n := range []int{0, 1, 4079, 4080, 4081, 8176, 8192, 70_000, 1 << 20, 3} {
		got, err := f.Call(t.Context(), conn, slices.Repeat([]byte{byte(n)}, n))
		if err != nil || len(got) != n || n > 0 && got[n-1] != byte(n) {
			t.Fatalf("%d bytes: %d came, %v", n, len(got), err)
		}
	}
	burden(t, conn, 64, 100)
}
