package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cleave-sdk/cleave/ocall"
)

// Calls are counted by how they ended, and what they return is not changed.
func TestObserve(t *testing.T) {
	m := newMetrics()
	errCall := errors.New("failed")
	for _, err := range []error{nil, errCall, errCall} {
		if got := m.observe(t.Context(), &ocall.Handling{Call: "a"}, func(context.Context) error { return err }); got != err {
			t.Error(got)
		}
	}
	w := httptest.NewRecorder()
	m.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`attestedhttp_ocalls_total{call="a",outcome="ok"} 1`,
		`attestedhttp_ocalls_total{call="a",outcome="error"} 2`,
		`attestedhttp_ocall_seconds_count{call="a"} 3`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// slow is a collector that takes until it is told to go on.
type slow struct{ begun, goOn chan struct{} }

func (slow) Describe(chan<- *prometheus.Desc) {}

func (s slow) Collect(chan<- prometheus.Metric) {
	s.begun <- struct{}{}
	<-s.goOn
}

// Gathering costs something, so that no more than four have it at a time.
func TestMetricsForFour(t *testing.T) {
	m := newMetrics()
	s := slow{make(chan struct{}), make(chan struct{})}
	m.registry.MustRegister(s)
	h := m.handler()
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		return w.Code
	}
	var four sync.WaitGroup
	for range 4 {
		four.Go(func() {
			if code := ask(); code != 200 {
				t.Error(code)
			}
		})
		<-s.begun
	}
	refused := make(chan int, 1)
	go func() { refused <- ask() }()
	select {
	case code := <-refused:
		if code != 503 {
			t.Errorf("the fifth has %d", code)
		}
	case <-s.begun:
		t.Error("a fifth is at it")
	}
	close(s.goOn)
	four.Wait()
}
