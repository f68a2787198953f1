package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// within fails the test if f takes for ever.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(3 * long):
		t.Fatal(what, "never ended")
	}
}

// Close may come while answers arrive: closing a descriptor waits for whoever
// reads from it, and who reads wants what Close holds.
func TestCloseWhileAnswersArrive(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	f.MaxRequest, f.MaxResponse = 256<<10, 256<<10
	var mux ocall.Mux
	f.Handle(&mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	l := listen(t)
	go mux.Serve(t.Context(), l, ocall.Service{f})
	within(t, "closing", func() {
		for round := range 150 {
			conn := dial(t, l, ocall.Service{f})
			var all sync.WaitGroup
			for caller := range 8 {
				all.Go(func() {
					b := bytes.Repeat([]byte{1}, 100+caller*9000)
					for {
						if _, err := f.Call(t.Context(), conn, b); err != nil {
							if !errors.Is(err, ocall.ErrClosed) {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			time.Sleep(time.Duration(round%10) * 200 * time.Microsecond)
			conn.Close()
			all.Wait()
		}
	})
}

// A host that answers and hangs up while more is asked: the reader itself finds
// that it cannot write.
func TestReaderFindsThatWritingFails(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	within(t, "a connection that cannot be written to", func() {
		for range 60 {
			conn := hostile(t, ocall.Service{f}, func(h host) {
				var waiting []asked
				for range ocall.InFlight {
					waiting = append(waiting, h.next())
				}
				var b []byte
				for _, a := range waiting {
					b = append(b, a.answer(nil).bytes()...)
				}
				h.Write(b)
				h.Conn.(*net.UnixConn).CloseRead() // what is asked next fails
				h.Close()
			})
			var all sync.WaitGroup
			for range 2 * ocall.InFlight {
				all.Go(func() { f.Call(t.Context(), conn, []byte("x")) })
			}
			all.Wait()
			eventually(t, func() bool { return conn.Err() != nil })
			conn.Close()
		}
	})
}

// Whoever floods a connection with what is ignored does not keep Serve from
// ending.
func TestServeEndsUnderFlood(t *testing.T) {
	flood := func(nc net.Conn, frame []byte) {
		nc.(*net.UnixConn).SetWriteBuffer(8 << 20)
		for b := bytes.Repeat(frame, 1<<18); ; {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	}
	var mux ocall.Mux
	Load.Handle(&mux, func(context.Context, string) ([]byte, error) { return nil, nil })
	l, cancel, served := serve(t, &mux, ocall.Service{Load})
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.Write(helloOf(ocall.Service{Load}))
	for range 4 {
		go flood(nc, asked{kind: kindCancel}.bytes())
	}
	time.Sleep(50 * time.Millisecond)
	cancel()
	within(t, "Serve", func() {
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
