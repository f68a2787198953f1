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
)

var (
	ErrQuote       = errQuote
	ErrPurpose     = errPurpose
	ErrCredentials = errCredentials
)

// SetClock replaces time.Now. It must be called before c is used.
func (c *Credentials) SetClock(now func() time.Time) { c.source.now = now }

// Certificate is what a handshake would be given.
func (c *Credentials) Certificate(ctx context.Context) (*tls.Certificate, error) {
	return c.source.certificate(ctx)
}

// CredentialsFor has a private key the test knows.
func CredentialsFor(ctx context.Context, p *Platform, private *ecdsa.PrivateKey) (*Credentials, error) {
	cert, err := certify(ctx, p, enclose(private), time.Now())
	if err != nil {
		return nil, err
	}
	return &Credentials{&source{platform: p, now: time.Now, current: cert}}, nil
}
