package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

// A request is its caller's again when Call has returned, however little of it
// the host has read by then.
func TestRequestIsTheCallersAgain(t *testing.T) {
	const size = 4 << 20
	read, got := make(chan bool), make(chan []byte, 2)
	conn := hostile(t, ocall.Service{large}, func(h host) {
		<-read
		for range 2 {
			a := h.next()
			for a.kind == kindCancel {
				a = h.next()
			}
			got <- a.body
		}
	})
	for i := range 2 { // the first is being sent, the second waits
		ctx, cancel := context.WithCancel(t.Context())
		request := bytes.Repeat([]byte{byte(i + 1)}, size)
		done := make(chan error)
		go func() { _, err := large.Call(ctx, conn, request); done <- err }()
		until(t, "it is under way", func() bool { return ocall.Waiting(conn) == i+1 && ocall.Stuck(conn) })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		clear(request)
	}
	close(read)
	for i := range 2 {
		if body := <-got; len(body) != size || bytes.Count(body, []byte{byte(i + 1)}) != size {
			t.Errorf("request %d was sent with what its caller wrote later", i)
		}
	}
}

// Long calls of many callers come through whole, by whatever way they were
// written.
func TestLongCallsSideBySide(t *testing.T) {
	ways := map[string]func(t *testing.T) *ocall.Conn{
		"unix": dialLarge("unix"),
		"tcp":  dialLarge("tcp"),
		"no descriptor": func(t *testing.T) *ocall.Conn {
			here, there := net.Pipe()
			var mux ocall.Mux
			large.Handle(&mux, echoes)
			ctx, cancel := context.WithCancel(context.Background())
			served := make(chan error)
			go func() { served <- mux.Serve(ctx, oneConn(there), ocall.Service{large}) }()
			conn, err := ocall.New(t.Context(), here, ocall.Service{large})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cancel(); conn.Close(); <-served })
			return conn
		},
	}
	for name, dial := range ways {
		t.Run(name, func(t *testing.T) {
			conn := dial(t)
			var all sync.WaitGroup
			for caller := range 8 {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(caller), 1))
					for range 10 {
						b := bytes.Repeat([]byte{byte(random.IntN(256)), byte(caller)}, random.IntN(700<<10))
						if got, err := large.Call(t.Context(), conn, b); err != nil || !bytes.Equal(got, b) {
							t.Errorf("%d bytes came back as %d, %v", len(b), len(got), err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func echoes(_ context.Context, b []byte) ([]byte, error) { return b, nil }

func dialLarge(network string) func(t *testing.T) *ocall.Conn {
	return func(t *testing.T) *ocall.Conn {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = t.TempDir() + "/s"
		}
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		var mux ocall.Mux
		large.Handle(&mux, echoes)
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error)
		go func() { served <- mux.Serve(ctx, l, ocall.Service{large}) }()
		nc, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := ocall.New(t.Context(), nc, ocall.Service{large})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cancel(); conn.Close(); <-served })
		return conn
	}
}

// One that waits for its turn is sent by somebody else.
func TestLongCallWaitsForItsTurn(t *testing.T) {
	alone := large
	alone.Concurrency = 1
	release := make(chan bool)
	var mux ocall.Mux
	alone.Handle(&mux, func(_ context.Context, b []byte) ([]byte, error) { <-release; return b, nil })
	conn := connect(t, &mux, ocall.Service{alone})
	done := make(chan error)
	for i, n := range []int{1, 1 << 20} {
		go func() {
			got, err := alone.Call(t.Context(), conn, make([]byte, n))
			if err == nil && len(got) != n {
				err = errors.New("not what was asked")
			}
			done <- err
		}()
		until(t, "it waits", func() bool { return ocall.Waiting(conn) == i+1 })
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What is too long is not sent, and the connection goes on.
func TestTooLongAnswer(t *testing.T) {
	var mux ocall.Mux
	large.Handle(&mux, func(context.Context, []byte) ([]byte, error) { return make([]byte, large.MaxResponse+1), nil })
	conn := connect(t, &mux, ocall.Service{large})
	for range 2 {
		var said *ocall.HostError
		if _, err := large.Call(t.Context(), conn, nil); !errors.As(err, &said) {
			t.Error(err)
		}
	}
}
