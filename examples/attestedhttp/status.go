package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// probeTime bounds a question of whether the trusted half is ready.
const probeTime = 3 * time.Second

// status is the server of /healthz, /readyz and /metrics.
type status struct {
	address string
	server  *http.Server
}

func serveStatus(address string, k *keeper, m *metrics) (*status, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", k.readyz)
	mux.Handle("GET /metrics", m.handler())
	s := &status{l.Addr().String(), &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}}
	go s.server.Serve(l) // until Close
	return s, nil
}

func (s *status) Close() error { return s.server.Close() }

// readyz names the launch that is ready, so that a probe can tell one from the
// next.
func (k *keeper) readyz(w http.ResponseWriter, r *http.Request) {
	launch, err := k.ready(r.Context())
	if err != nil {
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready, launch", launch)
}

var (
	errDown   = errors.New("the trusted half does not serve")
	errEnding = errors.New("told to end")
	errOther  = errors.New("the trusted half was launched again meanwhile")
)

// ready asks the trusted half itself, over a connection of its own: that it
// still runs does not mean that it answers.
func (k *keeper) ready(ctx context.Context) (launch uint64, err error) {
	address, launch, ending := k.now()
	switch {
	case ending:
		return 0, errEnding
	case address == "":
		return 0, errDown
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if err := ask(ctx, address); err != nil {
		return 0, err
	}
	if again, latest, _ := k.now(); again != address || latest != launch {
		return 0, errOther
	}
	return launch, nil
}

// ask does not verify whom it asks: a host has nothing to lose to its own
// trusted half. Clients verify.
func ask(ctx context.Context, address string) error {
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/ready", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return fmt.Errorf("the trusted half answers %d: %.200q", response.StatusCode, why)
	}
	return nil
}
