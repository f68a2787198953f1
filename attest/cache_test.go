package attest_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

const day = 24 * time.Hour

// A scene is a cache before a depot that has collateral about one platform, in
// a bubble whose time a test moves.
type scene struct {
	*testing.T
	press   *press
	depot   *depot
	cache   *attest.Cache
	subject attest.Subject
}

func stage(t *testing.T, play func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t, newPress(t), newDepot(), nil, numbered(1)}
		s.cache = &attest.Cache{Source: s.depot}
		s.depot.has[s.subject] = s.press.month(t, s.subject)
		play(s)
	})
}

// get asks the cache, lets what it begins come to an end, and expects to be
// answered without delay.
func (s *scene) get() *attest.Collateral {
	s.Helper()
	start := time.Now()
	c, err := s.cache.Collateral(s.Context(), s.subject)
	if err != nil || c == nil || time.Since(start) != 0 {
		s.Fatalf("%v after %v", err, time.Since(start))
	}
	synctest.Wait()
	return c
}

func (s *scene) refused(want error) {
	s.Helper()
	c, err := s.cache.Collateral(s.Context(), s.subject)
	if c != nil || !errors.Is(err, want) {
		s.Fatalf("%v, %v; want %v", c, err, want)
	}
	synctest.Wait()
}

func (s *scene) asked(want int) {
	s.Helper()
	if got := s.depot.count(); got != want {
		s.Fatalf("the source was asked %d times; want %d", got, want)
	}
}

// publish has the depot offer a new edition.
func (s *scene) publish(life time.Duration, evaluation int) *attest.Collateral {
	s.Helper()
	c := s.press.print(s, edition{s.subject, time.Now(), time.Now().Add(life), evaluation})
	s.depot.set(func() { s.depot.has[s.subject] = c })
	return c
}

func (s *scene) close(err error) { s.depot.set(func() { s.depot.err = err }) }

func same(a, b *attest.Collateral) bool { return string(a.TCBInfo) == string(b.TCBInfo) }

func TestCacheRemembers(t *testing.T) {
	stage(t, func(s *scene) {
		first := s.get()
		for range 100 {
			if s.get() != first {
				t.Fatal("another one")
			}
		}
		s.asked(1)
	})
}

// TestCacheRefreshesInTheBackground at a day's age, and never later.
func TestCacheRefreshesInTheBackground(t *testing.T) {
	stage(t, func(s *scene) {
		first := s.get()
		time.Sleep(day * 8 / 10)
		s.get()
		s.asked(1)
		second := s.publish(30*day, 21)
		time.Sleep(day * 2 / 10)
		if s.get() != first {
			t.Error("waited for the refresh")
		}
		s.asked(2)
		if !same(s.get(), second) {
			t.Error("the refresh was forgotten")
		}
		s.asked(2)
	})
}

// TestCacheKeepsWhatIsTheSame, because it has been parsed already.
func TestCacheKeepsWhatIsTheSame(t *testing.T) {
	stage(t, func(s *scene) {
		first := s.get()
		time.Sleep(day)
		s.get()
		if s.get() != first {
			t.Error("replaced by its equal")
		}
		s.get()
		s.asked(2)
	})
}

// TestCacheRefreshesBeforeExpiry where that comes before the age.
func TestCacheRefreshesBeforeExpiry(t *testing.T) {
	stage(t, func(s *scene) {
		s.publish(4*time.Hour, 21)
		s.get()
		time.Sleep(2 * time.Hour)
		s.get()
		s.asked(1)
		time.Sleep(time.Hour)
		s.get()
		s.asked(2)
	})
}

func TestCacheServesWhileTheSourceIsDown(t *testing.T) {
	stage(t, func(s *scene) {
		first := s.get()
		s.close(errClosed)
		for range 29 {
			time.Sleep(day)
			if s.get() != first {
				t.Fatal("another one")
			}
		}
		s.asked(30)
		s.get()
		s.asked(30) // the source is left alone for a minute
		time.Sleep(day)
		s.refused(errClosed)
		s.close(nil)
		second := s.publish(30*day, 21)
		s.refused(errClosed) // for five seconds
		s.asked(31)
		time.Sleep(5 * time.Second)
		if !same(s.get(), second) {
			t.Error("the old one")
		}
	})
}

// TestCacheGrace serves what has expired only after the source has failed.
func TestCacheGrace(t *testing.T) {
	stage(t, func(s *scene) {
		s.cache.Grace = 2 * day
		first := s.get()
		time.Sleep(30 * day)
		second := s.publish(10*day, 21)
		if s.get() == first {
			t.Error("expired, and the source not asked")
		}
		time.Sleep(11 * day)
		s.close(errClosed)
		if !same(s.get(), second) {
			t.Error("nothing within the grace")
		}
		s.depot.set(func() { s.depot.delay = 10 * time.Second })
		time.Sleep(time.Minute)
		s.get() // asks without waiting
		s.asked(4)
		time.Sleep(2 * day)
		s.depot.set(func() { s.depot.delay = 0 })
		s.refused(errClosed)
	})
}

// TestCacheErrors: an error is remembered for a short pause, and nobody waits
// for a source that has just failed.
func TestCacheErrors(t *testing.T) {
	stage(t, func(s *scene) {
		s.close(errClosed)
		for range 10 {
			s.refused(errClosed)
		}
		s.asked(1)
		s.close(nil)
		time.Sleep(5*time.Second - 1)
		s.refused(errClosed)
		time.Sleep(time.Nanosecond)
		s.get()
		s.asked(2)
	})
}

// TestCacheAsksOnce however many wait.
func TestCacheAsksOnce(t *testing.T) {
	stage(t, func(s *scene) {
		s.depot.delay = time.Second
		var wg sync.WaitGroup
		var mu sync.Mutex
		all := map[*attest.Collateral]int{}
		for range 100 {
			wg.Go(func() {
				c, err := s.cache.Collateral(s.Context(), s.subject)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				all[c]++
			})
		}
		wg.Wait()
		s.asked(1)
		if len(all) != 1 {
			t.Errorf("%d different answers", len(all))
		}
	})
}

// TestCacheWaiters: each gives up with its own context, also the first, and the
// fetch goes on.
func TestCacheWaiters(t *testing.T) {
	stage(t, func(s *scene) {
		s.depot.delay = 10 * time.Second
		hurried, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		start := time.Now()
		c, err := s.cache.Collateral(hurried, s.subject)
		if c != nil || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, attest.ErrCollateral) || time.Since(start) != time.Second {
			t.Errorf("%v, %v after %v", c, err, time.Since(start))
		}
		if _, err := s.cache.Collateral(s.Context(), s.subject); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		s.asked(1)
	})
}

// TestCacheFullHouse: who waits for a fetch under way needs no room for one,
// and those who wait for room together ask once.
func TestCacheFullHouse(t *testing.T) {
	stage(t, func(s *scene) {
		var wg sync.WaitGroup
		start := time.Now()
		ask := func(subject attest.Subject, want time.Duration) {
			wg.Go(func() {
				if _, err := s.cache.Collateral(s.Context(), subject); subject == s.subject && err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != want {
					t.Errorf("%v took %v; want %v", subject, took, want)
				}
			})
			synctest.Wait()
		}
		other := numbered(2)
		s.depot.has[other] = s.press.month(s, other)
		s.depot.set(func() { s.depot.delay = 10 * time.Second })
		ask(s.subject, 10*time.Second)
		s.depot.set(func() { s.depot.delay = 30 * time.Second })
		for n := range 15 {
			ask(numbered(n+100), 30*time.Second)
		}
		s.asked(16)
		for range 5 {
			ask(other, 40*time.Second)
		}
		ask(s.subject, 10*time.Second)
		wg.Wait()
		s.asked(17)
	})
}

// TestCacheFullHouseQuick: the same where the fetch has ended before the others
// have room.
func TestCacheFullHouseQuick(t *testing.T) {
	for name, found := range map[string]bool{"found": true, "not found": false} {
		t.Run(name, func(t *testing.T) {
			stage(t, func(s *scene) {
				var wg sync.WaitGroup
				for n := range 16 { // which end one after the other
					s.depot.set(func() { s.depot.delay = 30*time.Second + time.Duration(n)*100*time.Millisecond })
					wg.Go(func() { s.cache.Collateral(s.Context(), numbered(n+100)) })
					synctest.Wait()
				}
				s.depot.set(func() { s.depot.delay = 0 })
				if !found {
					s.subject = numbered(2)
				}
				for range 20 {
					wg.Go(func() {
						if _, err := s.cache.Collateral(s.Context(), s.subject); (err == nil) != found {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				s.asked(17)
			})
		})
	}
}

// TestCacheBeginsNothing for who has given up already.
func TestCacheBeginsNothing(t *testing.T) {
	stage(t, func(s *scene) {
		over, cancel := context.WithCancel(s.Context())
		cancel()
		for n := range 20 {
			if _, err := s.cache.Collateral(over, numbered(n)); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		synctest.Wait()
		s.asked(0)
		s.get()
		if c, err := s.cache.Collateral(over, s.subject); c == nil || err != nil {
			t.Errorf("what is there: %v", err)
		}
	})
}

// stuck is a source that does not end with its context, but after an hour,
// because a bubble must.
type stuck struct{}

func (stuck) Collateral(context.Context, attest.Subject) (*attest.Collateral, error) {
	time.Sleep(time.Hour)
	return nil, errClosed
}

func TestCacheStuckSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := &attest.Cache{Source: stuck{}}
		start := time.Now()
		c, err := cache.Collateral(t.Context(), numbered(1))
		if c != nil || !errors.Is(err, attest.ErrCollateral) || time.Since(start) != time.Minute {
			t.Errorf("%v, %v after %v", c, err, time.Since(start))
		}
		time.Sleep(time.Hour)
	})
}

// TestCacheInventedPlatforms: evidence of many invented platforms does not become
// as many requests at once, and does not drive out what is in use.
func TestCacheInventedPlatforms(t *testing.T) {
	stage(t, func(s *scene) {
		first := s.get()
		s.depot.delay = time.Second
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() { s.cache.Collateral(s.Context(), numbered(n+100)) })
		}
		wg.Wait()
		if s.depot.peak > 16 {
			t.Errorf("%d requests at once", s.depot.peak)
		}
		if s.get() != first {
			t.Error("driven out")
		}
		s.asked(1001)
	})
}

// TestCacheBound: of more platforms than there is room for, those used last
// stay.
func TestCacheBound(t *testing.T) {
	stage(t, func(s *scene) {
		for n := range 300 {
			s.subject = numbered(n)
			s.depot.has[s.subject] = s.press.month(t, s.subject)
			s.get()
		}
		s.asked(300)
		for n := 44; n < 300; n++ {
			s.subject = numbered(n)
			s.get()
		}
		s.asked(300)
		s.subject = numbered(43)
		s.get()
		s.asked(301)
	})
}

// TestCacheBoundInBytes has platforms with lists of a megabyte.
func TestCacheBoundInBytes(t *testing.T) {
	stage(t, func(s *scene) {
		const big = 20
		for n := range big {
			s.subject = numbered(n)
			c := s.press.month(t, s.subject)
			c.TCBInfoChain = make([]byte, 1<<20)
			c.QEIdentityChain = make([]byte, 1<<20)
			s.depot.has[s.subject] = c
			s.get()
		}
		s.asked(big)
		s.get()
		s.asked(big)
		s.subject = numbered(big - 15)
		s.get()
		s.asked(big)
		s.subject = numbered(0)
		s.get()
		s.asked(big + 1)
	})
}

// TestCacheCountsBytesOnce: refreshing what is big drives out nothing.
func TestCacheCountsBytesOnce(t *testing.T) {
	stage(t, func(s *scene) {
		small := numbered(2)
		s.depot.has[small] = s.press.print(s, edition{small, time.Now(), time.Now().AddDate(1, 0, 0), 21})
		_, err := s.cache.Collateral(s.Context(), small)
		check(t, err)
		for range 50 {
			s.publish(30*day, 21).TCBInfoChain = make([]byte, 1<<20)
			s.get()
			time.Sleep(day)
		}
		n := s.depot.count()
		s.close(errClosed)
		if _, err := s.cache.Collateral(s.Context(), small); err != nil {
			t.Error("driven out")
		}
		synctest.Wait()
		s.asked(n + 1)
	})
}

func TestCacheRefuses(t *testing.T) {
	tests := map[string]func(s *scene, c *attest.Collateral){
		"nothing":          func(s *scene, c *attest.Collateral) { delete(s.depot.has, s.subject) },
		"another platform": func(s *scene, c *attest.Collateral) { *c = *s.press.month(s, numbered(2)) },
		"another TEE": func(s *scene, c *attest.Collateral) {
			*c = *s.press.month(s, attest.Subject{FMSPC: s.subject.FMSPC, TEE: attest.TDX})
		},
		"a huge chain":     func(s *scene, c *attest.Collateral) { c.TCBInfoChain = make([]byte, 1<<20+1) },
		"a huge list":      func(s *scene, c *attest.Collateral) { c.PCKCRL = make([]byte, 1<<20+1) },
		"no TCB info":      func(s *scene, c *attest.Collateral) { c.TCBInfo = nil },
		"no identity":      func(s *scene, c *attest.Collateral) { c.QEIdentity = []byte("{}") },
		"a page":           func(s *scene, c *attest.Collateral) { c.TCBInfo = []byte("<html>sign in</html>") },
		"no root's list":   func(s *scene, c *attest.Collateral) { c.RootCRL = nil },
		"no list":          func(s *scene, c *attest.Collateral) { c.PCKCRL = []byte{0x30, 0} },
		"what has expired": func(s *scene, c *attest.Collateral) { time.Sleep(30 * day) },
		"one expired": func(s *scene, c *attest.Collateral) {
			c.PCKCRL = s.publish(time.Minute, 21).PCKCRL
			time.Sleep(time.Minute)
		},
		"another's listing": func(s *scene, c *attest.Collateral) { c.QEIdentity = c.TCBInfo },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			stage(t, func(s *scene) {
				c := s.depot.has[s.subject]
				change(s, c)
				if s.depot.has[s.subject] != nil {
					s.depot.has[s.subject] = c
					s.refused(attest.ErrCollateral)
				} else if _, err := s.cache.Collateral(s.Context(), s.subject); err == nil {
					t.Error("answered")
				}
				s.asked(1)
				s.depot.has[s.subject] = s.press.month(t, s.subject)
				time.Sleep(5 * time.Second)
				s.get()
			})
		})
	}
}

// TestCacheSteps: of several services one may be behind.
func TestCacheSteps(t *testing.T) {
	tests := map[string]struct {
		life       time.Duration
		evaluation int
		taken      bool
	}{
		"newer":              {30 * day, 21, true},
		"later evaluation":   {30 * day, 22, true},
		"earlier evaluation": {40 * day, 20, false},
		"expires sooner":     {10 * day, 21, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stage(t, func(s *scene) {
				first := s.get()
				time.Sleep(day)
				second := s.publish(test.life, test.evaluation)
				s.get()
				got := s.get()
				s.asked(2)
				if taken := same(got, second); taken != test.taken || !taken && got != first {
					t.Errorf("taken: %t", taken)
				}
			})
		})
	}
}

// TestCacheFarFuture: what claims to be good for ever is fetched again like any
// other.
func TestCacheFarFuture(t *testing.T) {
	stage(t, func(s *scene) {
		s.depot.has[s.subject] = s.press.print(t, edition{s.subject, time.Now(), time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC), 99})
		s.get()
		for n := range 10 {
			time.Sleep(day)
			s.get()
			s.asked(n + 2)
		}
	})
}

// TestCacheClock: a clock that is set back, as an enclave's host can, keeps
// nothing alive that would have been refreshed.
func TestCacheClock(t *testing.T) {
	stage(t, func(s *scene) {
		var back time.Duration
		s.cache.Time = func() time.Time { return time.Now().Add(-back) }
		first := s.get()
		back = 5 * day
		second := s.publish(30*day, 21)
		if s.get() != first {
			t.Error("not served")
		}
		s.asked(2)
		if !same(s.get(), second) {
			t.Error("not refreshed")
		}
		s.asked(2)
		back = -40 * day // and forward
		s.close(errClosed)
		s.refused(errClosed)
		back = 40 * day // an error in the future is no reason to wait
		s.close(nil)
		s.get()
		s.asked(4)
	})
}

// TestCacheEndsItsGoroutines: an idle cache has none.
func TestCacheEndsItsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	p, d := newPress(t), newDepot()
	cache := &attest.Cache{Source: d}
	for n := range 20 {
		d.has[numbered(n)] = p.month(t, numbered(n))
	}
	for n := range 40 {
		cache.Collateral(t.Context(), numbered(n))
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestCacheRace is for the race detector.
func TestCacheRace(t *testing.T) {
	p, d := newPress(t), newDepot()
	for n := range 8 {
		d.has[numbered(n)] = p.month(t, numbered(n))
	}
	cache := &attest.Cache{Source: d, Dir: t.TempDir(), MaxAge: time.Nanosecond}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 200 {
				s := numbered((g + n) % 10)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%3)*time.Millisecond)
				if c, err := cache.Collateral(ctx, s); (c == nil) == (err == nil) {
					t.Errorf("%v, %v", c, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
