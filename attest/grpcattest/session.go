package grpcattest

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/cleave-sdk/cleave/attest"
)

// NewSession returns credentials for clients and servers whose connections are
// proved as s says, each for itself. A server needs s.TLS; its NextProtos give
// way to gRPC's.
//
// The fields of s are read now, and s is not used: its limits are those of the
// credentials and their clones together. MaxPending does not apply: gRPC serves every connection that it
// accepts, so bound the listener that it is given, or what is in front of it.
func NewSession(s *attest.Session) credentials.TransportCredentials {
	config := s.TLS
	if config == nil {
		config = &tls.Config{InsecureSkipVerify: s.Peer != nil} // as a Session without TLS
	}
	return &sessionBound{
		session: &attest.Session{
			Peer:      s.Peer,
			AnyPeer:   s.AnyPeer,
			Self:      s.Self,
			TLS:       speaking(config),
			Timeout:   s.Timeout,
			MaxQuotes: s.MaxQuotes,
		},
	}
}

type sessionBound struct {
	session *attest.Session // never changed, and shared by clones
	name    string          // of the server, in the place of the authority's
}

var _ credentials.TransportCredentials = (*sessionBound)(nil)

// ClientHandshake implements credentials.TransportCredentials.
func (c *sessionBound) ClientHandshake(ctx context.Context, authority string, inner net.Conn) (net.Conn, credentials.AuthInfo, error) {
	name := c.name
	if name == "" {
		name = hostOf(authority)
	}
	return finish(c.session.Client(ctx, inner, name))
}

// ServerHandshake implements credentials.TransportCredentials. The session
// bounds it.
func (c *sessionBound) ServerHandshake(inner net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := finish(c.session.Server(context.Background(), inner))
	if err != nil {
		return nil, nil, err
	}
	// The session has cleared the deadline that gRPC set, and which it clears
	// itself once HTTP/2 has begun.
	if err := conn.SetDeadline(time.Now().Add(serverTimeout)); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, info, nil
}

func finish(conn *attest.Conn, err error) (net.Conn, credentials.AuthInfo, error) {
	if err != nil {
		return nil, nil, err
	}
	state := conn.ConnectionState()
	if err := checkProtocol(state); err != nil {
		conn.NetConn().Close()
		return nil, nil, err
	}
	return conn, newInfo(conn.Report(), state, true), nil
}

// Info implements credentials.TransportCredentials.
func (c *sessionBound) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: authType}
}

// Clone implements credentials.TransportCredentials.
func (c *sessionBound) Clone() credentials.TransportCredentials {
	clone := *c
	return &clone
}

// OverrideServerName implements credentials.TransportCredentials.
func (c *sessionBound) OverrideServerName(name string) error {
	c.name = name
	return nil
}
