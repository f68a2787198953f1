package attest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// renewed is what a verifier gets instead of bad.
func (s *scene) renewed(bad *attest.Collateral) *attest.Collateral {
	s.Helper()
	c, ok := attest.Renewed(s.Context(), s.cache, s.subject, bad)
	if ok != (c != nil) {
		s.Errorf("%v, %t", c, ok)
	}
	synctest.Wait()
	return c
}

// TestCacheRenews: what a source lied about is replaced once it is found out,
// even by what would be a step back.
func TestCacheRenews(t *testing.T) {
	stage(t, func(s *scene) {
		s.depot.has[s.subject] = s.press.print(s, edition{s.subject, time.Now(), time.Now().AddDate(20, 0, 0), 99})
		bad := s.get()
		good := s.publish(30*day, 21)
		if s.renewed(bad) != nil {
			t.Error("renewed at once: evidence could cause a request each time")
		}
		s.asked(1)
		time.Sleep(time.Minute)
		got := s.renewed(bad)
		if got == nil || !same(got, good) || s.get() != got {
			t.Error("not renewed")
		}
		s.asked(2)
		if s.renewed(bad) != got {
			t.Error("the second who found out got another one")
		}
		s.asked(2)
	})
}

// TestCacheRenewsNothing: where the source has nothing else, what is there
// stays.
func TestCacheRenewsNothing(t *testing.T) {
	stage(t, func(s *scene) {
		if s.renewed(nil) != nil {
			t.Error("of nothing")
		}
		first := s.get()
		for n := range 5 {
			time.Sleep(time.Minute)
			if s.renewed(first) != nil || s.get() != first {
				t.Error("replaced")
			}
			s.asked(n + 2)
			if s.renewed(first) != nil {
				t.Error("replaced")
			}
			s.asked(n + 2)
		}
		s.close(errClosed)
		time.Sleep(time.Minute)
		if s.renewed(first) != nil || s.get() != first {
			t.Error("replaced by an error")
		}
		other := attest.Collateral(*first)
		if s.renewed(&other) != first {
			t.Error("not what is there")
		}
	})
}

func TestRenewedElsewhere(t *testing.T) {
	if c, ok := attest.Renewed(t.Context(), attest.Bundle{}, numbered(1), nil); ok || c != nil {
		t.Errorf("a bundle renewed %v", c)
	}
}

// TestCacheRenewsOnce however many have found out.
func TestCacheRenewsOnce(t *testing.T) {
	stage(t, func(s *scene) {
		bad := s.get()
		time.Sleep(time.Minute)
		s.publish(30*day, 22)
		s.depot.delay = time.Second
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if c, ok := attest.Renewed(s.Context(), s.cache, s.subject, bad); !ok || c == bad {
					t.Error(c, ok)
				}
			})
		}
		hurried, cancel := context.WithTimeout(s.Context(), time.Millisecond)
		defer cancel()
		if _, ok := attest.Renewed(hurried, s.cache, s.subject, bad); ok {
			t.Error("in no time")
		}
		wg.Wait()
		s.asked(2)
	})
}
