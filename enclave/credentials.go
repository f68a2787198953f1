package enclave

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

var errCredentials = errors.New("enclave: credentials are made by NewCredentials")

// Credentials prove in a TLS handshake that a connection ends in this
// enclave: a private key that never leaves it, and a self-signed certificate
// whose evidence is a quote of the public key, in the form TCG DICE and the
// CCC's interoperable RA-TLS share (extension 2.23.133.5.4.9).
//
// The key is P-256. The certificate names nobody: its subject is "Cleave" and
// it has no alternative names, for a name in it would prove nothing. It is
// valid from 5 minutes before it was made until 24 hours after.
//
// When two thirds of that are over, the next handshake has a new key and
// quote made, and goes on with the old certificate meanwhile. If that fails it
// is tried again, at the earliest 10 seconds later; once the certificate has
// expired, handshakes fail. No goroutine runs between handshakes.
//
// Credentials are safe for concurrent use.
type Credentials struct {
	source *source
}

// NewCredentials makes a key and has it quoted, by ctx as [Platform.RawQuote]
// does. Renewals do not depend on ctx.
func NewCredentials(ctx context.Context, p *Platform) (*Credentials, error) {
	s := &source{platform: p, now: time.Now}
	cert, err := s.issue(ctx)
	if err != nil {
		return nil, err
	}
	s.current = cert
	return &Credentials{s}, nil
}

// ServerTLS returns a configuration for servers, a new one for every call,
// for the caller to complete. It leaves NextProtos alone, so that http.Server
// offers HTTP/2. It requires TLS 1.3 and has no session tickets: clients would
// not see the evidence of a resumed session.
//
// Certificates must stay empty: crypto/tls prefers them to the one with the
// evidence when a client sends no server name.
func (c *Credentials) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c.source == nil {
				return nil, errCredentials
			}
			return c.source.certificate(hello.Context())
		},
	}
}

// Err is why the last renewal failed. It is nil if there was none or it
// succeeded, and is meant for health checks: between the first failure and
// the first refused handshake there are up to 8 hours.
func (c *Credentials) Err() error {
	if c.source == nil {
		return errCredentials
	}
	return c.source.err()
}
