package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cleave-sdk/cleave/ocall"
)

// metrics are what the host can count: launches, and what it is asked. Their
// labels are the names of calls, which both halves were built with.
type metrics struct {
	registry *prometheus.Registry
	launches prometheus.Counter
	up       prometheus.Gauge
	renewal  prometheus.Gauge
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		launches: prometheus.NewCounter(prometheus.CounterOpts{Name: "attestedhttp_launches_total", Help: "Times the trusted half was launched."}),
		up:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "attestedhttp_up", Help: "1 while the trusted half serves."}),
		renewal:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "attestedhttp_renewal_failing", Help: "1 while the trusted half's certificate, which it serves until it expires, was not renewed when that was due."}),
		calls:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "attestedhttp_ocalls_total", Help: "Calls of the trusted half to its host."}, []string{"call", "outcome"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "attestedhttp_ocall_seconds", Help: "How long the host took to answer.", Buckets: prometheus.ExponentialBuckets(1e-5, 4, 10)}, []string{"call"}),
	}
	m.registry.MustRegister(m.launches, m.up, m.renewal, m.calls, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe is an [ocall.Interceptor].
func (m *metrics) observe(ctx context.Context, h *ocall.Handling, next func(context.Context) error) error {
	began := time.Now()
	err := next(ctx)
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.calls.WithLabelValues(h.Call, outcome).Inc()
	m.seconds.WithLabelValues(h.Call).Observe(time.Since(began).Seconds())
	return err
}

// handler gathers for four at a time; others are told to come again.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
