package ocall

import (
	"context"
	"sync"
)

// callContext is the context of one handler. It ends by itself when its caller
// gives up, without a place in a list of its parent's: that is most of what
// context.WithCancel costs.
type callContext struct {
	context.Context // of the connection, for its values

	mu   sync.Mutex
	done chan struct{} // nil until somebody asks
	err  error
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		if c.err != nil {
			return closed
		}
		c.done = make(chan struct{})
	}
	return c.done
}

func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *callContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = context.Canceled
	if c.done != nil {
		close(c.done)
	}
}
