package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cleave-sdk/cleave/attest"
)

// client talks to a trusted half that its verifier trusts, and to no other.
type client struct {
	verifier *attest.Verifier
	url      string
	http     http.Client
}

func newClient(address string, v *attest.Verifier) *client {
	return &client{
		verifier: v,
		url:      "https://" + address,
		http:     http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: v.TLSConfig()}},
	}
}

var errHeld = errors.New("the service holds a secret already")

// provision gives the service its secret.
func (c *client) provision(ctx context.Context, secret []byte) error {
	status, body, _, err := c.do(ctx, http.MethodPut, "/secret", secret)
	switch {
	case err != nil:
		return err
	case status == http.StatusConflict:
		return errHeld
	case status != http.StatusOK:
		return fmt.Errorf("the service answers %d: %s", status, body)
	}
	return nil
}

// sign has the service sign a message, and returns who did.
func (c *client) sign(ctx context.Context, message string) (signature string, by *attest.Report, err error) {
	status, body, report, err := c.do(ctx, http.MethodPost, "/sign", []byte(message))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the service answers %d: %s", status, body)
	}
	return body, report, err
}

func (c *client) do(ctx context.Context, method, path string, content []byte) (status int, body string, by *attest.Report, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(content))
	if err != nil {
		return 0, "", nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return 0, "", nil, err
	}
	by, err = c.verifier.Report(*resp.TLS)
	return resp.StatusCode, strings.TrimSpace(string(b)), by, err
}
