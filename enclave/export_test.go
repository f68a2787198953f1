package enclave

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"time"
)

const (
	RenewTimeout = renewTimeout
	RetryAfter   = retryAfter
	LookAfter    = lookAfter
)

var (
	ErrQuote       = errQuote
	ErrPurpose     = errPurpose
	ErrCredentials = errCredentials
	ErrClosed      = errClosed
	ErrDialects    = errDialects
)

// SetClock replaces time.Now. It must be called before c is used.
func (c *Credentials) SetClock(now func() time.Time) { c.source.now = now }

// Certificate is what a handshake would be given.
func (c *Credentials) Certificate(ctx context.Context) (*tls.Certificate, error) {
	return c.source.certificate(ctx, "")
}

// CertificateFor is what a client would be given that asks for a name.
func (c *Credentials) CertificateFor(ctx context.Context, server string) (*tls.Certificate, error) {
	return c.source.certificate(ctx, server)
}

// CredentialsFor has a private key the test knows.
func CredentialsFor(ctx context.Context, p *Platform, private *ecdsa.PrivateKey) (*Credentials, error) {
	o, err := CredentialsOptions{}.completed()
	if err != nil {
		return nil, err
	}
	return newCredentials(ctx, p, o, enclose(private))
}
