package aesm

import (
	"context"

	"github.com/cleave-sdk/cleave/internal/aesm/aesmpb"
)

// keyID selects the key to quote with, and remembers it.
func (c *Client) keyID(ctx context.Context) (keyID, error) {
	c.mu.Lock()
	known := c.key
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	key, err := c.selectKey(ctx)
	if err != nil {
		return keyID{}, err
	}
	c.remember(&key)
	return key, nil
}

func (c *Client) remember(key *keyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = key
}

func (c *Client) selectKey(ctx context.Context) (keyID, error) {
	m, err := c.ask(ctx, "keys", &aesmpb.Request{KeyCount: &aesmpb.Request_KeyCount{Timeout: c.microseconds(ctx)}})
	if err != nil {
		return keyID{}, err
	}
	if m.Unsupported != nil { // by services older than the question; they have this one
		return intelKey(), nil
	}
	count, err := answer("keys", m.KeyCount)
	if err != nil {
		return keyID{}, err
	}
	n := count.GetCount()
	switch {
	case n == 0:
		return keyID{}, &Error{Step: "keys", Err: errNoKey}
	case n > maxKeys:
		return keyID{}, &Error{Step: "keys", Err: errAnswer}
	}
	return c.pick(ctx, n*keyIDSize)
}

func (c *Client) pick(ctx context.Context, size uint32) (keyID, error) {
	m, err := c.ask(ctx, "keys", &aesmpb.Request{Keys: &aesmpb.Request_Keys{BufferSize: &size, Timeout: c.microseconds(ctx)}})
	if err != nil {
		return keyID{}, err
	}
	a, err := answer("keys", m.Keys)
	if err != nil {
		return keyID{}, err
	}
	if len(a.KeyIds) != int(size) {
		return keyID{}, &Error{Step: "keys", Err: errAnswer}
	}
	key, ok := ecdsaKey(a.KeyIds)
	if !ok {
		return keyID{}, &Error{Step: "keys", Err: errNoKey}
	}
	return key, nil
}
