package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Who asks while a question is under way is not told what it finds: it may have
// begun before what they want to know of.
func TestRoundsAreFresh(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	var launch uint64
	r := &rounds{question: func() (half, error) {
		h := half{launch: launch}
		began <- struct{}{}
		<-goOn
		return h, nil
	}}
	answers := make(chan uint64, 2)
	ask := func() { h, _ := r.ask(t.Context()); answers <- h.launch }
	launch = 1
	go ask()
	<-began
	launch = 2 // the first was asked before this
	go ask()
	for joined := false; !joined; {
		r.mu.Lock()
		joined = r.next != nil
		r.mu.Unlock()
	}
	goOn <- struct{}{}
	if first := <-answers; first != 1 {
		t.Errorf("the first is told %d", first)
	}
	<-began
	goOn <- struct{}{}
	if second := <-answers; second != 2 {
		t.Errorf("the second is told %d: what was true before it asked", second)
	}
}

// Who asks again at once waits until a while has passed.
func TestRoundsAreApart(t *testing.T) {
	const every, times = 5 * time.Millisecond, 10
	asked := 0
	r := &rounds{every: every, question: func() (half, error) { asked++; return half{}, nil }}
	began := time.Now()
	for range times {
		if _, err := r.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); asked != times || took < (times-1)*every {
		t.Errorf("asked %d times in %v", asked, took)
	}
}

// A question that takes long is not waited for by those who have gone, and does
// not end for the others.
func TestRoundsAreLeft(t *testing.T) {
	goOn := make(chan struct{})
	r := &rounds{question: func() (half, error) { <-goOn; return half{launch: 7}, nil }}
	gone, cancel := context.WithCancel(t.Context())
	stays := make(chan uint64)
	go func() { h, _ := r.ask(t.Context()); stays <- h.launch }()
	cancel()
	if _, err := r.ask(gone); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(goOn)
	if launch := <-stays; launch != 7 {
		t.Error(launch)
	}
}

// trustedHalf is one that answers /ready as it is told to, and counts.
func trustedHalf(t *testing.T, answer http.HandlerFunc) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), asked
}

func answers(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// Ten thousand who want to know cost the trusted half a few questions: one, and
// another for each interval that passes.
func TestTenThousandAtOnce(t *testing.T) {
	address, asked := trustedHalf(t, answers(http.StatusNoContent))
	known := &state{metrics: newMetrics()}
	if err := known.serves(known.began(), address); err != nil {
		t.Fatal(err)
	}
	const every = 50 * time.Millisecond
	pages := statusPages(settings{probe: every}, known)
	began := time.Now()
	var all sync.WaitGroup
	var ready atomic.Int64
	for range 10_000 {
		all.Go(func() {
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
			if w.Code == http.StatusOK && w.Body.String() == "ready, launch 1\n" {
				ready.Add(1)
			}
		})
	}
	all.Wait()
	if ready.Load() != 10_000 {
		t.Errorf("%d of 10,000 were told that it is ready", ready.Load())
	}
	if n, most := asked.Load(), 1+int64(time.Since(began)/every); n < 1 || n > most || n > 1000 {
		t.Errorf("asked %d times, and %d would do", n, most)
	}
	t.Logf("asked %d times in %v", asked.Load(), time.Since(began))
}

// Nobody is asked where there is nobody.
func TestNobodyIsAsked(t *testing.T) {
	address, asked := trustedHalf(t, answers(http.StatusNoContent))
	known := &state{metrics: newMetrics()}
	launch := known.began()
	pages := statusPages(settings{probe: time.Hour}, known)
	for _, step := range []struct {
		name    string
		happens func()
	}{
		{"not serving yet", func() {}},
		{"gone", func() { known.serves(launch, address); known.gone(launch) }},
		{"told to end", func() { known.serves(known.began(), address); known.ends() }},
	} {
		step.happens()
		for range 100 {
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
			if w.Code != http.StatusServiceUnavailable || !strings.HasPrefix(w.Body.String(), "not ready: ") {
				t.Errorf("%s: %d, %q", step.name, w.Code, w.Body)
			}
		}
	}
	if asked.Load() != 0 {
		t.Errorf("asked %d times", asked.Load())
	}
}
