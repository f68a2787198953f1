package enclave

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"
)

const (
	// renewTimeout bounds one renewal, and every handshake's wait for it.
	renewTimeout = 30 * time.Second
	// retryAfter keeps clients from having the host make quotes in a loop.
	retryAfter = 10 * time.Second
)

// source has the current certificate and sees to the next.
type source struct {
	platform *Platform
	now      func() time.Time

	mu       sync.Mutex
	current  *tls.Certificate // replaced, never changed
	renewal  *renewal         // under way, or nil
	failure  error            // of the last renewal
	failedAt time.Time
}

// renewal is one attempt at a new certificate. Its result may be read once
// done is closed.
type renewal struct {
	done chan struct{}
	cert *tls.Certificate
	err  error
}

// certificate returns the one to serve now. It waits for a renewal only if
// there is none that is valid.
func (s *source) certificate(ctx context.Context) (*tls.Certificate, error) {
	cert, r, err := s.pick()
	if r == nil {
		return cert, err
	}
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	select {
	case <-r.done:
		return r.cert, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("enclave: waiting for a new certificate: %w", ctx.Err())
	}
}

// pick starts a renewal where one is due. It returns a valid certificate, or
// the renewal to wait for, or the error of one that has just failed.
func (s *source) pick() (*tls.Certificate, *renewal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if due(s.current, now) && s.renewal == nil && !s.resting(now) {
		s.renewal = &renewal{done: make(chan struct{})}
		go s.renew(s.renewal)
	}
	switch {
	case valid(s.current, now):
		return s.current, nil, nil
	case s.renewal != nil:
		return nil, s.renewal, nil
	}
	return nil, nil, fmt.Errorf("enclave: the certificate has expired: %w", s.failure)
}

// renew outlives the handshake that started it, and so does not end with it.
func (s *source) renew(r *renewal) {
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
	defer cancel()
	r.cert, r.err = s.issue(ctx)
	s.finish(r)
	close(r.done)
}

func (s *source) finish(r *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewal, s.failure = nil, r.err
	if r.err != nil {
		s.failedAt = s.now()
		return
	}
	s.current = r.cert
}

// issue makes a new key with each certificate: a quote is never served with
// another key than the one it is for.
func (s *source) issue(ctx context.Context) (*tls.Certificate, error) {
	k, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("enclave: key: %w", err)
	}
	return certify(ctx, s.platform, k, s.now())
}

func (s *source) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// resting reports whether the last renewal has failed so recently that the
// next must wait. The clock is the host's and may have gone back.
func (s *source) resting(now time.Time) bool {
	since := now.Sub(s.failedAt)
	return s.failure != nil && since >= 0 && since < retryAfter
}

// due reports whether two thirds of the certificate's life are over, or it
// has yet to begin.
func due(c *tls.Certificate, now time.Time) bool {
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	return !valid(c, now) || now.Sub(c.Leaf.NotBefore) >= life/3*2
}

func valid(c *tls.Certificate, now time.Time) bool {
	return !now.Before(c.Leaf.NotBefore) && now.Before(c.Leaf.NotAfter)
}
