package main

import (
	"bytes"
	"sync"
)

// transcript keeps what is written to it, by several at once.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

func (t *transcript) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Reset()
}
