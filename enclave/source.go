package enclave

import (
	"context"
	"crypto/tls"
	"errors"
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

var errClosed = errors.New("enclave: the credentials are closed")

// source has the current certificate and sees to the next.
type source struct {
	platform *Platform
	options  CredentialsOptions // complete
	now      func() time.Time
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	mu       sync.Mutex
	current  *issued   // nil when closed
	renewal  *renewal  // under way, or nil
	failure  error     // of the last renewal
	failedAt time.Time // when that was
	said     bool      // in the log, that the certificate has expired
	looking  bool
	lookedAt time.Time
	moved    bool // the CPU's security version is another than current's
}

// renewal is one attempt at a new certificate. Its result may be read once
// done is closed.
type renewal struct {
	of   *issued // what it is to replace
	done chan struct{}
	next *issued
	err  error
}

// certificate returns the one to serve now to clients that ask for a name, or
// none. It waits for a renewal only if there is none that is valid.
func (s *source) certificate(ctx context.Context, server string) (*tls.Certificate, error) {
	cert, r, err := s.pick(server)
	if r == nil {
		if err != nil {
			s.sayRefused(err)
		}
		return cert, err
	}
	if err := r.wait(ctx); err != nil {
		return nil, err
	}
	return r.next.cert, nil
}

func (r *renewal) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return waited(ctx)
	}
}

func waited(ctx context.Context) error {
	return fmt.Errorf("enclave: waiting for a new certificate: %w", ctx.Err())
}

func (r *renewal) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// pick starts a renewal where one is due. It returns a valid certificate, or
// the renewal to wait for, or the error of one that has just failed.
func (s *source) pick(server string) (*tls.Certificate, *renewal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil, nil, errClosed
	}
	now := s.now()
	s.lookIfDue(now)
	if (s.moved || due(s.current.cert, now)) && s.renewal == nil && !s.resting(now) {
		s.start()
	}
	if chain := s.current.named(server, now); chain != nil {
		return chain, nil, nil
	}
	switch {
	case valid(s.current.cert, now):
		return s.current.cert, nil, nil
	case s.renewal != nil:
		return nil, s.renewal, nil
	}
	return nil, nil, fmt.Errorf("enclave: the certificate has expired: %w", s.failure)
}

func (s *source) start() *renewal {
	s.renewal = &renewal{of: s.current, done: make(chan struct{})}
	go s.renew(s.renewal)
	return s.renewal
}

// renew outlives the handshake that started it, and so does not end with it.
func (s *source) renew(r *renewal) {
	ctx, cancel := context.WithTimeout(s.ctx, renewTimeout)
	defer cancel()
	r.next, r.err = s.successor(ctx, r.of)
	s.finish(r)
	close(r.done) // before the log, whose reader may keep it waiting
	s.sayRenewed(r)
}

// successor is what is to replace old. A platform that panics fails: nobody
// else would catch it here, and the process would end.
func (s *source) successor(ctx context.Context, old *issued) (next *issued, err error) {
	defer rescue(&err)
	k, err := s.nextKey(old)
	if err != nil {
		return nil, err
	}
	return s.issue(ctx, k, old)
}

// rescue is to be deferred.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("enclave: the platform has panicked: %v", p)
	}
}

// nextKey is a new one, unless an authority's chain is for the old one.
func (s *source) nextKey(old *issued) (*key, error) {
	if old.chain != nil && valid(old.chain, s.now()) {
		return old.key, nil
	}
	k, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("enclave: key: %w", err)
	}
	return k, nil
}

// issue makes a certificate for k. It keeps the chain of old if that is for the
// same key: neither a quote nor a chain is ever served with another key than
// the one it is for.
func (s *source) issue(ctx context.Context, k *key, old *issued) (*issued, error) {
	evidence, err := evidenceOf(ctx, s.platform, k, s.options.Dialects)
	if err != nil {
		return nil, err
	}
	cert, err := selfSign(k, evidence, s.now(), s.options.Lifetime)
	if err != nil {
		return nil, err
	}
	cpusvn, err := s.cpusvn(ctx)
	if err != nil {
		return nil, err
	}
	next := &issued{key: k, cert: cert, cpusvn: cpusvn}
	if old != nil && old.key == k {
		next.chain = old.chain
	}
	return next, nil
}

func (s *source) finish(r *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewal = nil
	switch {
	case s.current == nil:
		r.err = errClosed
	case s.current != r.of: // by UseChain, and newer
		r.next, r.err = s.current, nil
	case r.err != nil:
		s.failure, s.failedAt = r.err, s.now()
	default:
		s.replace(r.next)
	}
}

// replace is how every new certificate comes.
func (s *source) replace(next *issued) {
	s.current, s.failure, s.said, s.moved = next, nil, false, false
}

// force renews now, whatever is due. A renewal that is under way may have begun
// before the reason to force one.
func (s *source) force(ctx context.Context) error {
	for {
		r, ours := s.startOr()
		if r == nil {
			return errClosed
		}
		if err := r.wait(ctx); ours || !r.ended() {
			return err
		}
		if ctx.Err() != nil {
			return waited(ctx)
		}
	}
}

// startOr returns the renewal under way, or a new one.
func (s *source) startOr() (r *renewal, ours bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil, false
	}
	if s.renewal != nil {
		return s.renewal, false
	}
	return s.start(), true
}

func (s *source) close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
}

func (s *source) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return errClosed
	}
	return s.failure
}

// resting reports whether the last renewal has failed so recently that the
// next must wait. The clock is the host's and may have gone back.
func (s *source) resting(now time.Time) bool {
	since := now.Sub(s.failedAt)
	return s.failure != nil && since >= 0 && since < retryAfter
}
