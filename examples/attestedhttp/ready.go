package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// probeTime bounds a question of whether the trusted half is ready. Who asks
// while there is one waits for two, and -probe between them, which has to be
// sooner than the manifest's timeoutSeconds.
const probeTime = 2 * time.Second

var errOther = errors.New("the trusted half was launched again meanwhile")

// ready asks the trusted half itself, where none of its clients are: that it
// still runs does not mean that it answers.
func (s *state) ready() (half, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	h, err := s.serving()
	if err != nil {
		return half{}, err
	}
	if err := ask(ctx, h.address); err != nil {
		return half{}, err
	}
	now, err := s.serving() // it may have told its trouble since
	if err == nil && now.launch != h.launch {
		return half{}, errOther
	}
	return now, err
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
