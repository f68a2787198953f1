package grpcattest

import (
	"context"
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/cleave-sdk/cleave/attest"
)

// AuthInfo is what is known of the other end of a connection.
type AuthInfo struct {
	credentials.CommonAuthInfo
	// Report is which enclave it is. It is nil only for clients of servers that
	// accept anybody, by an [attest.Session] with AnyPeer.
	Report *attest.Report
	// SessionBound reports that the enclave has proved to be the other end of
	// this very connection; else its certificate says so.
	SessionBound bool
	// State is what the TLS handshake has proved.
	State tls.ConnectionState
}

// AuthType returns "attested-tls".
func (AuthInfo) AuthType() string { return authType }

const authType = "attested-tls"

// ValidateAuthority implements credentials.AuthorityValidator. Where the name of
// the server was verified, it must be in the certificate; else there is none to
// be had.
func (i AuthInfo) ValidateAuthority(authority string) error {
	if len(i.State.VerifiedChains) == 0 {
		return nil
	}
	return i.State.PeerCertificates[0].VerifyHostname(hostOf(authority))
}

// Report returns the enclave at the other end of the connection: in a server's
// handlers, that of the client. Ok is false if it has proved nothing.
func Report(ctx context.Context) (r *attest.Report, ok bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, false
	}
	info, ok := p.AuthInfo.(AuthInfo)
	return info.Report, ok && info.Report != nil
}

func hostOf(authority string) string {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		return authority
	}
	return host
}
