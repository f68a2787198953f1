package attest_test

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// TestOwnCache: a verifier without a source has one cache before Intel's
// service, with its own clock and its policy's grace.
func TestOwnCache(t *testing.T) {
	now := noon
	v := &attest.Verifier{Time: func() time.Time { return now }, Policy: attest.Policy{Grace: time.Hour}}
	cache, ok := attest.SourceOf(v).(*attest.Cache)
	if !ok || cache.Source != nil || cache.Dir != "" || cache.Grace != time.Hour || !cache.Time().Equal(now) {
		t.Errorf("%+v", cache)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if attest.SourceOf(v) != attest.Source(cache) {
				t.Error("another one")
			}
		})
	}
	wg.Wait()
	other := &attest.PCS{}
	if attest.SourceOf(&attest.Verifier{Collateral: other}) != attest.Source(other) {
		t.Error("not the one that was given")
	}
}

// TestVerifierFindsLiesOut: a source that lied once is asked again within the
// verification that finds out, and evidence that is bad itself asks nobody.
func TestVerifierFindsLiesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachineAt(t, time.Now())
		good := m.collateral(t)
		lie := *good
		lie.TCBInfo = bytes.Replace(lie.TCBInfo, []byte("INTEL-SA-00001"), []byte("INTEL-SA-00002"), 1)
		source := newDepot()
		source.has[subject(m)] = &lie
		v := m.verifier(t, "friend")
		v.Collateral, v.Time = &attest.Cache{Source: source}, nil
		quote := m.quote(t, enclave("friend"), [64]byte{})
		verify := func(quote []byte) error {
			_, err := v.Verify(t.Context(), quote, [64]byte{})
			synctest.Wait()
			return err
		}
		for range 10 {
			if err := verify(quote); !errors.Is(err, attest.ErrCollateral) {
				t.Error(err)
			}
		}
		if n := source.count(); n != 1 {
			t.Errorf("asked %d times within a minute", n)
		}
		source.has[subject(m)] = good
		time.Sleep(time.Minute)
		check(t, verify(quote))
		check(t, verify(quote))
		time.Sleep(time.Hour)
		forged := bytes.Clone(quote)
		forged[100] ^= 1
		if err := verify(forged); !errors.Is(err, attest.ErrForged) {
			t.Error(err)
		}
		if n := source.count(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestVerifierJudgesAgain: what is cached is judged by the time of each
// verification.
func TestVerifierJudgesAgain(t *testing.T) {
	m := newMachine(t)
	source := newDepot()
	source.has[subject(m)] = m.collateral(t)
	var later atomic.Int64
	clock := func() time.Time { return noon.Add(time.Duration(later.Load())) }
	v := m.verifier(t, "friend")
	v.Time = clock
	// The cache's clock stands still, so that it goes on serving.
	v.Collateral = &attest.Cache{Source: source, Time: func() time.Time { return noon }}
	quote := m.quote(t, enclave("friend"), [64]byte{})
	_, err := v.Verify(t.Context(), quote, [64]byte{})
	check(t, err)
	later.Store(int64(21 * day))
	if _, err := v.Verify(t.Context(), quote, [64]byte{}); !errors.Is(err, attest.ErrCollateral) {
		t.Errorf("past its next update: %v", err)
	}
}
