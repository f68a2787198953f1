package ocalltest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

// Pipe returns a connection in memory to mux, for the calls of s. Everything
// crosses as it does on a socket. The test's end closes it, and fails the test
// if the host half did not end well.
func Pipe(t testing.TB, mux *ocall.Mux, s ocall.Service) *ocall.Conn {
	t.Helper()
	here, there := net.Pipe()
	return join(t, mux, s, here, there)
}

// join serves one end and dials the other.
func join(t testing.TB, mux *ocall.Mux, s ocall.Service, here, there net.Conn) *ocall.Conn {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- mux.Serve(ctx, newListener(there), s) }()
	conn, err := ocall.New(ctx, here, s)
	t.Cleanup(func() {
		if conn != nil {
			conn.Close()
		}
		cancel()
		if err := <-served; err != nil {
			t.Error("ocalltest: the host half:", err)
		}
	})
	if err != nil {
		t.Fatal("ocalltest:", err)
	}
	return conn
}

// listener accepts one connection.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func newListener(nc net.Conn) *listener {
	l := &listener{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	l.conns <- nc
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		return nil, io.EOF
	}
}

func (l *listener) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "in memory", Net: "unix"} }
