package attest_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratio"
)

// BenchmarkRatioHandshakeSession compares a session's connection with one of
// plain TLS 1.3 between the same ends, with the same certificates, at which each
// end makes the quote and the verification that the session must have it make,
// and sends nothing of them. Both have a deadline, and end with a byte of the
// server's. The
// metric is our time over theirs, as in tlsbench_test.go, and should be at most
// 1.20.
func BenchmarkRatioHandshakeSession(b *testing.B) {
	m := newMachine(b)
	v := m.verifier(b, "friend")
	self := func() *quoter { return m.quoter(b, "friend") }
	config := plainConfig(b)
	data := [64]byte{1}
	quote := func() []byte { return m.quote(b, enclave("friend"), data) }
	verify := func(quote []byte) { must(v.Verify(context.Background(), quote, data))(b) }
	sample := quote()
	for _, test := range []struct {
		name           string
		client, server *attest.Session
		asClient       func() // what the ends have to do beside TLS
		asServer       func()
	}{
		{
			"one-way", &attest.Session{Peer: v}, &attest.Session{Self: self(), AnyPeer: true, TLS: config},
			func() { verify(sample) }, func() { quote() },
		},
		{
			"mutual", &attest.Session{Peer: v, Self: self()}, &attest.Session{Self: self(), Peer: v, TLS: config},
			func() { verify(quote()) }, func() { verify(quote()) },
		},
	} {
		b.Run(test.name, func(b *testing.B) {
			plain := greeter(b, func(c net.Conn) (net.Conn, error) {
				conn, err := inTime(tls.Server(c, config))
				test.asServer()
				return conn, err
			})
			attested := greeter(b, func(c net.Conn) (net.Conn, error) { return test.server.Server(context.Background(), c) })
			ratio.Report(b, func() {
				for range 8 {
					greeted(b, attested, func(c net.Conn) (net.Conn, error) { return test.client.Client(context.Background(), c, "") })
				}
			}, func() {
				for range 8 {
					greeted(b, plain, func(c net.Conn) (net.Conn, error) {
						return inTime(tls.Client(c, &tls.Config{InsecureSkipVerify: true}))
					})
					test.asClient()
				}
			})
		})
	}
}

func inTime(conn *tls.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return conn, conn.HandshakeContext(ctx)
}

// greeter says one byte to whoever connects.
func greeter(b *testing.B, accept func(net.Conn) (net.Conn, error)) (address string) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(b)
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			inner, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer inner.Close()
				if conn, err := accept(inner); err == nil {
					conn.Write([]byte{1})
				}
			}()
		}
	}()
	return l.Addr().String()
}

func greeted(b *testing.B, address string, connect func(net.Conn) (net.Conn, error)) {
	inner := must(net.Dial("tcp", address))(b)
	defer inner.Close()
	if _, err := io.ReadFull(must(connect(inner))(b), make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
}
