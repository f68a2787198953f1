package attest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// As http.DefaultTransport has them.
const (
	idleTimeout      = 90 * time.Second
	handshakeTimeout = 10 * time.Second
	maxIdle          = 100
)

var (
	errNotHTTPS = errors.New("attest: this transport makes attested connections only: use an https URL, and no proxy")
	errBypassed = errors.New("attest: this connection would not be attested")
)

// Transport returns a transport for http.Client all of whose connections are
// the session's. It refuses http URLs. Connections are kept and used again, for
// 90 seconds at most when idle: each has proved its peer once.
//
// With "h2" and "http/1.1" in the NextProtos of TLS it speaks HTTP/2 with
// servers that do, else HTTP/1.1. The TLS field of a response is what
// [Session.Report] finds its report by.
//
// The refusal of http URLs is its DialContext: one who replaces that sends them
// to whoever answers, without TLS. Replace DialTLSContext if anything, by what
// ends in [Session.Client].
//
// Do not give it a Proxy for https URLs: net/http would make the connection
// behind it itself. It would be refused.
func (s *Session) Transport() *http.Transport {
	return &http.Transport{
		DialTLSContext:      s.DialTLS,
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return nil, errNotHTTPS },
		TLSClientConfig:     &tls.Config{VerifyConnection: func(tls.ConnectionState) error { return errBypassed }},
		TLSHandshakeTimeout: handshakeTimeout,
		ForceAttemptHTTP2:   s.TLS != nil && slices.Contains(s.TLS.NextProtos, "h2"),
		IdleConnTimeout:     idleTimeout,
		MaxIdleConns:        maxIdle,
	}
}

// DialTLS is [Session.Dial] for the DialTLSContext of a transport of one's own.
// Prefer [Session.Transport]: net/http does not ask it for connections through
// proxies, which would then not be attested. What it returns is a [*tls.Conn].
func (s *Session) DialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn.Conn, nil
}
