package etcdguard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/cleave-sdk/cleave/sealing"
)

// Config says where etcd is, and how it proves that.
type Config struct {
	// Endpoints are https URLs of members. At least one is required.
	Endpoints []string

	// TLS is required: RootCAs, from measured input, and a client certificate
	// in Certificates or GetClientCertificate. TLS 1.3 is the lowest version
	// used.
	TLS *tls.Config

	// Prefix is what the keys start with, which are Prefix and the name of the
	// file. If empty, "cleave/sealing/".
	Prefix string

	// Timeout bounds each question, also where the caller's context does not.
	// If zero, 10 seconds.
	Timeout time.Duration
}

// Guard is a [sealing.Guard]. It is safe for concurrent use.
type Guard struct {
	client  *clientv3.Client
	prefix  string
	timeout time.Duration
}

var _ sealing.Guard = (*Guard)(nil)

var (
	errEndpoints = errors.New("etcdguard: Endpoints must be https URLs, and at least one")
	errTLS       = errors.New("etcdguard: TLS must have RootCAs of its own, and verify")
	errClient    = errors.New("etcdguard: TLS must have a client certificate: an etcd that anybody can write to guards nothing")
)

// New returns a Guard. It does not wait for a connection.
func New(c Config) (*Guard, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	t := c.TLS.Clone()
	t.MinVersion = max(t.MinVersion, tls.VersionTLS13)
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints,
		TLS:       t,
		Logger:    zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("etcdguard: %w", err)
	}
	g := &Guard{client, c.Prefix, c.Timeout}
	if g.prefix == "" {
		g.prefix = "cleave/sealing/"
	}
	if g.timeout <= 0 {
		g.timeout = 10 * time.Second
	}
	return g, nil
}

func (c *Config) check() error {
	for _, e := range c.Endpoints {
		if u, err := url.Parse(e); err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(e, ", ") {
			return errEndpoints
		}
	}
	switch {
	case len(c.Endpoints) == 0:
		return errEndpoints
	case c.TLS == nil || !ownRoots(c.TLS.RootCAs) || c.TLS.InsecureSkipVerify:
		return errTLS
	case !hasCertificate(c.TLS.Certificates) && c.TLS.GetClientCertificate == nil:
		return errClient
	}
	return nil
}

// ownRoots refuses no roots, and the system's, which inside an enclave are the
// host's.
func ownRoots(roots *x509.CertPool) bool {
	if roots == nil || roots.Equal(x509.NewCertPool()) {
		return false
	}
	system, err := x509.SystemCertPool()
	return err != nil || !roots.Equal(system)
}

func hasCertificate(all []tls.Certificate) bool {
	return slices.ContainsFunc(all, func(c tls.Certificate) bool { return len(c.Certificate) > 0 && c.PrivateKey != nil })
}

// Close closes the connections.
func (g *Guard) Close() error { return g.client.Close() }

// Current implements [sealing.Guard]. The read is linearizable.
func (g *Guard) Current(ctx context.Context, name string) (sealing.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	r, err := g.client.Get(ctx, g.prefix+name)
	if err != nil {
		return sealing.Version{}, fmt.Errorf("etcdguard: %w", err)
	}
	if len(r.Kvs) == 0 {
		return sealing.Version{}, nil
	}
	return parse(r.Kvs[0].Value)
}

// Advance implements [sealing.Guard].
func (g *Guard) Advance(ctx context.Context, name string, old, new sealing.Version) error {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	key := g.prefix + name
	unchanged := clientv3.Compare(clientv3.Value(key), "=", format(old))
	if old == (sealing.Version{}) {
		unchanged = clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
	}
	r, err := g.client.Txn(ctx).If(unchanged).Then(clientv3.OpPut(key, format(new))).Commit()
	if err != nil {
		return fmt.Errorf("etcdguard: %w", err)
	}
	if !r.Succeeded {
		return fmt.Errorf("etcdguard: %w", sealing.ErrConflict)
	}
	return nil
}
