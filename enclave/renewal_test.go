package enclave_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
)

// serial makes one handshake over a pipe and says which certificate it had.
// Inside a synctest bubble its time is the bubble's.
func serial(t *testing.T, c *enclave.Credentials) (string, error) {
	t.Helper()
	near, far := net.Pipe()
	server, client := tls.Server(near, c.ServerTLS()), tls.Client(far, attested())
	failed := make(chan error, 1)
	go func() {
		failed <- server.Handshake()
		near.Close()
	}()
	err := client.Handshake()
	if err != nil {
		far.Close()
		return "", <-failed
	}
	if err := <-failed; err != nil {
		return "", err
	}
	return client.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

func mustSerial(t *testing.T, c *enclave.Credentials) string {
	t.Helper()
	s, err := serial(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	twoThirds = 16 * time.Hour // and a little, of 24 hours and 5 minutes
	expiry    = 24 * time.Hour
)

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		first := mustSerial(t, c)
		time.Sleep(twoThirds - 5*time.Minute)
		if mustSerial(t, c) != first || f.made() != 1 {
			t.Fatal("renewed before two thirds were over")
		}
		time.Sleep(5 * time.Minute)
		if mustSerial(t, c) != first {
			t.Error("the handshake that noticed did not go on with the old certificate")
		}
		synctest.Wait()
		second := mustSerial(t, c)
		if second == first || f.made() != 2 {
			t.Errorf("not renewed: %d quotes", f.made())
		}
		time.Sleep(10 * time.Hour)
		if mustSerial(t, c) != second || f.made() != 2 {
			t.Error("renewed again at once")
		}
		if err := c.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestRenewalHasANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := credentials(t, newFake())
		before, err := c.Certificate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(expiry)
		after, err := c.Certificate(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if string(before.Leaf.RawSubjectPublicKeyInfo) == string(after.Leaf.RawSubjectPublicKeyInfo) {
			t.Error("the key is the old one")
		}
		if before.PrivateKey == after.PrivateKey || checkEvidence(after.Leaf) != nil {
			t.Error("the new certificate is not whole")
		}
	})
}

func TestExpiredWaitsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		first := mustSerial(t, c)
		f.wait = func(context.Context) { time.Sleep(20 * time.Second) }
		time.Sleep(expiry)
		start := time.Now()
		if mustSerial(t, c) == first {
			t.Error("an expired certificate was served")
		}
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestFailingRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		first := mustSerial(t, c)
		f.set(func(f *fake) { f.fail = errHost })

		time.Sleep(twoThirds + 5*time.Minute)
		for range 10 { // within retryAfter
			if mustSerial(t, c) != first {
				t.Fatal("the old certificate was given up")
			}
			synctest.Wait()
		}
		if f.made() != 2 {
			t.Errorf("%d quotes asked for in one moment, want 2", f.made())
		}
		if !errors.Is(c.Err(), errHost) {
			t.Errorf("Err is %v", c.Err())
		}
		time.Sleep(enclave.RetryAfter)
		mustSerial(t, c)
		synctest.Wait()
		if f.made() != 3 {
			t.Errorf("not tried again: %d quotes", f.made())
		}

		time.Sleep(expiry - twoThirds - 5*time.Minute - enclave.RetryAfter - time.Second)
		if mustSerial(t, c) != first { // one second before it expires
			t.Error("the old certificate was given up")
		}
		synctest.Wait()
		time.Sleep(time.Second)
		for range 2 { // expired: within retryAfter, and after it
			if _, err := serial(t, c); !errors.Is(err, errHost) {
				t.Errorf("expired: %v", err)
			}
			time.Sleep(enclave.RetryAfter)
		}

		f.set(func(f *fake) { f.fail = nil })
		if mustSerial(t, c) == first || c.Err() != nil {
			t.Errorf("not recovered: %v", c.Err())
		}
	})
}

func TestQuoteOfTheHostDoesNotReplaceAGoodOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		first := mustSerial(t, c)
		f.set(func(f *fake) { f.bend = func(q []byte) []byte { q[reportDataAt] ^= 1; return q } })
		time.Sleep(twoThirds + 5*time.Minute)
		for range 3 {
			if mustSerial(t, c) != first {
				t.Error("replaced")
			}
			synctest.Wait()
			time.Sleep(enclave.RetryAfter)
		}
		if !errors.Is(c.Err(), enclave.ErrQuote) {
			t.Errorf("Err is %v", c.Err())
		}
	})
}

// TestHangingPlatform has one that heeds its context and one that does not.
func TestHangingPlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		first := mustSerial(t, c)
		f.set(func(f *fake) { f.wait = func(ctx context.Context) { <-ctx.Done() } })
		time.Sleep(twoThirds + 5*time.Minute)
		if mustSerial(t, c) != first {
			t.Error("the old certificate was given up")
		}
		time.Sleep(enclave.RenewTimeout)
		synctest.Wait()
		if !errors.Is(c.Err(), context.DeadlineExceeded) {
			t.Errorf("the renewal was not bounded: %v", c.Err())
		}

		release := make(chan struct{})
		f.set(func(f *fake) { f.wait = func(context.Context) { <-release } })
		time.Sleep(expiry)
		for range 2 {
			start := time.Now()
			if _, err := serial(t, c); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			if waited := time.Since(start); waited != enclave.RenewTimeout {
				t.Errorf("a handshake waited %v", waited)
			}
		}
		if f.made() != 3 {
			t.Errorf("%d quotes asked for, want 3: one at a time", f.made())
		}
		close(release)
	})
}

func TestHandshakeThatGoesAwayDoesNotEndTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		f.wait = func(context.Context) { time.Sleep(time.Second) }
		time.Sleep(expiry)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := c.Certificate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := c.Certificate(context.Background()); err != nil || f.made() != 2 {
			t.Errorf("%v after %d quotes", err, f.made())
		}
	})
}

func TestManyHandshakesOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		f.wait = func(context.Context) { time.Sleep(time.Second) }
		time.Sleep(expiry)
		var all sync.WaitGroup
		var serials sync.Map
		for range 100 {
			all.Go(func() {
				cert, err := c.Certificate(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				serials.Store(cert.Leaf.SerialNumber.String(), true)
			})
		}
		all.Wait()
		n := 0
		serials.Range(func(any, any) bool { n++; return true })
		if n != 1 || f.made() != 2 {
			t.Errorf("%d certificates, %d quotes", n, f.made())
		}
	})
}

// TestClock has what a host may do to the enclave's clock.
func TestClock(t *testing.T) {
	start := time.Now()
	tests := map[string]struct {
		jumps []time.Duration // from start
		fail  bool            // at the first jump
		ok    bool
	}{
		"4 minutes back":                     {[]time.Duration{-4 * time.Minute}, true, true},
		"6 minutes back":                     {[]time.Duration{-6 * time.Minute}, false, true},
		"6 minutes back, no quote":           {[]time.Duration{-6 * time.Minute}, true, false},
		"a year ahead":                       {[]time.Duration{8760 * time.Hour}, false, true},
		"a year ahead, no quote":             {[]time.Duration{8760 * time.Hour}, true, false},
		"a year ahead and back again":        {[]time.Duration{8760 * time.Hour, 0}, false, true},
		"failed a year ahead, retried today": {[]time.Duration{8760 * time.Hour, 25 * time.Hour}, true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			c := credentials(t, f)
			var clock atomic.Int64 // read by what goes on beside the handshake too
			c.SetClock(func() time.Time { return start.Add(time.Duration(clock.Load())).Round(0) })
			if test.fail {
				f.set(func(f *fake) { f.fail = errHost })
			}
			var cert *tls.Certificate
			var err error
			for _, jump := range test.jumps {
				clock.Store(int64(jump))
				cert, err = c.Certificate(context.Background())
				if len(test.jumps) > 1 {
					f.set(func(f *fake) { f.fail = nil })
				}
			}
			if test.ok != (err == nil) {
				t.Fatal(err)
			}
			now := start.Add(time.Duration(clock.Load())).Round(0)
			if err == nil && (now.Before(cert.Leaf.NotBefore) || !now.Before(cert.Leaf.NotAfter)) {
				t.Error("a certificate that is not valid was served")
			}
		})
	}
}

// TestConcurrency is for the race detector: handshakes over real sockets
// while the clock runs through renewals, some of which fail. A handshake may
// fail with them, but never shows evidence that is not whole.
func TestConcurrency(t *testing.T) {
	f := newFake()
	c := credentials(t, f)
	start := time.Now()
	var hours atomic.Int64
	c.SetClock(func() time.Time { return start.Add(time.Duration(hours.Load()) * time.Hour) })
	address := serve(t, c)

	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			client := attested()
			for i := range 20 {
				f.set(func(f *fake) {
					if f.fail = nil; i%4 == 3 {
						f.fail = errHost
					}
				})
				hours.Add(1)
				conn, err := tls.Dial("tcp", address, client)
				if err == nil {
					conn.Close()
				}
				var refused *net.OpError
				if err != nil && !(errors.As(err, &refused) && refused.Op == "remote error") {
					t.Error(err)
				}
				c.Err()
			}
		})
	}
	all.Wait()
	f.set(func(f *fake) { f.fail = nil })
	hours.Add(24)
	conn, err := tls.Dial("tcp", address, attested())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if f.made() < 3 {
		t.Errorf("only %d quotes", f.made())
	}
}
