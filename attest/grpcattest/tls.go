package grpcattest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/cleave-sdk/cleave/attest"
)

// h2 is the protocol that gRPC speaks, by its name in ALPN.
const h2 = "h2"

// What bounds an end that gRPC gives no context: the handshake, and the first
// bytes of HTTP/2 after it.
const serverTimeout = 30 * time.Second

var errProtocol = errors.New("grpcattest: the peer has not agreed to speak HTTP/2 (ALPN h2)")

// NewTLS returns credentials for clients and servers that connect only to
// enclaves v trusts, by the evidence in their certificates. It panics if v is
// nil.
//
// Config has the end's own certificates, and what else is demanded of the
// peer's: enclave.Credentials has one each for servers (ServerTLS) and clients
// (ClientTLS). If nil, the end shows no certificate, as only clients can. It is
// an error if it cannot be added to: see [attest.Verifier.AddTo]. A server that
// accepts anybody needs nothing of this package, only credentials.NewTLS.
func NewTLS(v *attest.Verifier, config *tls.Config) (credentials.TransportCredentials, error) {
	if config == nil {
		config = v.TLSConfig()
	} else {
		var err error
		if config, err = v.AddTo(config); err != nil {
			return nil, err
		}
	}
	return &certificateBound{v, speaking(config)}, nil
}

type certificateBound struct {
	verifier *attest.Verifier
	config   *tls.Config // never changed
}

var _ credentials.TransportCredentials = (*certificateBound)(nil)

// ClientHandshake implements credentials.TransportCredentials.
func (c *certificateBound) ClientHandshake(ctx context.Context, authority string, inner net.Conn) (net.Conn, credentials.AuthInfo, error) {
	config := c.config
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = hostOf(authority)
	}
	return c.handshake(ctx, tls.Client(inner, config))
}

// ServerHandshake implements credentials.TransportCredentials.
func (c *certificateBound) ServerHandshake(inner net.Conn) (net.Conn, credentials.AuthInfo, error) {
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	return c.handshake(ctx, tls.Server(inner, c.config))
}

func (c *certificateBound) handshake(ctx context.Context, conn *tls.Conn) (net.Conn, credentials.AuthInfo, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.NetConn().Close()
		return nil, nil, err
	}
	state := conn.ConnectionState()
	report, err := c.verifier.Report(state) // once more: what VerifyConnection found is not handed on
	if err == nil {
		err = checkProtocol(state)
	}
	if err != nil {
		conn.NetConn().Close()
		return nil, nil, err
	}
	return conn, newInfo(report, state, false), nil
}

func checkProtocol(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != h2 {
		return errProtocol
	}
	return nil
}

func newInfo(r *attest.Report, state tls.ConnectionState, bound bool) AuthInfo {
	return AuthInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, r, bound, state}
}

// Info implements credentials.TransportCredentials.
func (c *certificateBound) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: authType}
}

// Clone implements credentials.TransportCredentials.
func (c *certificateBound) Clone() credentials.TransportCredentials {
	return &certificateBound{c.verifier, c.config.Clone()}
}

// OverrideServerName implements credentials.TransportCredentials.
func (c *certificateBound) OverrideServerName(name string) error {
	c.config = c.config.Clone()
	c.config.ServerName = name
	return nil
}

// speaking is config for gRPC alone.
func speaking(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.NextProtos = []string{h2}
	return config
}
