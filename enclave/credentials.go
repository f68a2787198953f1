package enclave

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

var errCredentials = errors.New("enclave: credentials are made by NewCredentials")

// Credentials prove in a TLS handshake that a connection ends in this
// enclave: a private key that never leaves it, and a self-signed certificate
// with evidence, a quote of the public key.
//
// The key is P-256. The certificate names nobody: its subject is "Cleave" and
// it has no alternative names, for a name in it would prove nothing. It is
// valid from 5 minutes before it was made until 24 hours after, or what
// [CredentialsOptions] say. For names, see [Credentials.Request].
//
// When two thirds of that are over, the next handshake has a new key and
// quote made, and goes on with the old certificate meanwhile. If that fails it
// is tried again, at the earliest 10 seconds later; once the certificate has
// expired, handshakes fail. Connections that are open stay open. No goroutine
// runs between handshakes.
//
// The certificate says what the platform's TCB was when it was made. An update
// of microcode is seen in the CPU's security version, which is looked at
// once a minute while there are handshakes, and brings a new certificate too;
// current CPUs change it only while no enclave runs. A new quoting enclave or a
// recovery that Intel announces is not seen from inside: see
// [Credentials.Renew].
//
// What a client learns from such a certificate, and what not, is in the
// documentation of [attest.Verifier.TLSConfig]. An [attest.Session] proves
// more: that the enclave itself is at the other end now.
//
// Credentials are safe for concurrent use.
type Credentials struct {
	source *source
}

// CredentialsOptions are what there is to choose about [Credentials].
type CredentialsOptions struct {
	// Dialects are the forms of evidence in the certificate, each with a quote
	// of its own and 5 KB: DICE, EGo, OpenEnclaveReport, OpenEnclaveEvidence.
	// EGo and OpenEnclaveReport exclude each other. If nil, DICE: the form of
	// TCG DICE and the CCC's interoperable RA-TLS. Others are for clients that
	// know no better.
	Dialects []attest.Dialect
	// Lifetime is for how long certificates are valid, 15 minutes to 30 days: how
	// old evidence can be, and how long a key that has leaked is of use. If 0,
	// 24 hours.
	Lifetime time.Duration
	// Log is told of renewals and of those that failed. If nil, nobody is. It is
	// never told secrets.
	Log *slog.Logger
}

const (
	lifetime    = 24 * time.Hour
	minLifetime = 15 * time.Minute
	maxLifetime = 30 * 24 * time.Hour
)

// completed are the options with what stands for zero.
func (o CredentialsOptions) completed() (CredentialsOptions, error) {
	if o.Lifetime == 0 {
		o.Lifetime = lifetime
	}
	if o.Lifetime < minLifetime || o.Lifetime > maxLifetime {
		return o, fmt.Errorf("enclave: a lifetime of %v: choose one of %v to %v", o.Lifetime, minLifetime, maxLifetime)
	}
	if o.Dialects == nil {
		o.Dialects = []attest.Dialect{attest.DICE}
	}
	return o, checkDialects(o.Dialects)
}

// NewCredentials makes a key and has it quoted, by ctx as [Platform.RawQuote]
// does. Renewals do not depend on ctx.
func NewCredentials(ctx context.Context, p *Platform) (*Credentials, error) {
	return NewCredentialsWith(ctx, p, CredentialsOptions{})
}

// NewCredentialsWith is NewCredentials with options.
func NewCredentialsWith(ctx context.Context, p *Platform, o CredentialsOptions) (*Credentials, error) {
	o, err := o.completed()
	if err != nil {
		return nil, err
	}
	k, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("enclave: key: %w", err)
	}
	return newCredentials(ctx, p, o, k)
}

func newCredentials(ctx context.Context, p *Platform, o CredentialsOptions, k *key) (*Credentials, error) {
	s := &source{platform: p, options: o, now: time.Now}
	first, err := s.issue(ctx, k, nil)
	if err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.current, s.lookedAt = first, s.now()
	return &Credentials{s}, nil
}

// Renew replaces key, certificate and quote now. It is for what cannot be seen
// from inside: that the host has a new quoting enclave, that Intel has announced
// a recovery of the TCB, that a secret may have leaked. If it fails, the old ones
// stay.
//
// While a chain of an authority is in use its key stays, and only the quote and
// its certificate are new: replace both by [Credentials.Request].
func (c *Credentials) Renew(ctx context.Context) error {
	if c.source == nil {
		return errCredentials
	}
	return c.source.force(ctx)
}

// Close forgets the keys. Handshakes fail from then on; open connections stay.
func (c *Credentials) Close() error {
	if c.source == nil {
		return errCredentials
	}
	c.source.close()
	return nil
}

// Err is why the last renewal failed. It is nil if there was none or it
// succeeded, and is meant for health checks: between the first failure and
// the first refused handshake is a third of the lifetime, 8 hours if that is 24.
func (c *Credentials) Err() error {
	if c.source == nil {
		return errCredentials
	}
	return c.source.err()
}

// certificate is the one for a handshake in which server is asked for.
func (c *Credentials) certificate(ctx context.Context, server string) (*tls.Certificate, error) {
	if c.source == nil {
		return nil, errCredentials
	}
	return c.source.certificate(ctx, server)
}
