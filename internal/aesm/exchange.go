package aesm

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cleave-sdk/cleave/internal/aesm/aesmpb"
)

// message is one of those in a Response.
type message interface {
	comparable
	GetError() uint32
}

// answer is the message itself, if it is there and reports success.
func answer[M message](step string, m M) (M, error) {
	var none M
	switch {
	case m == none:
		return none, &Error{Step: step, Err: errAnswer}
	case m.GetError() != uint32(Success):
		return none, &Error{Step: step, Code: Code(m.GetError())}
	}
	return m, nil
}

// ask makes one request, on a connection of its own.
func (c *Client) ask(ctx context.Context, step string, m *aesmpb.Request) (*aesmpb.Response, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	response, err := c.exchange(bounded, m)
	if bounded.Err() != nil && err != nil {
		err = context.Cause(bounded)
	}
	if err != nil {
		return nil, &Error{Step: step, Err: err}
	}
	return response, nil
}

func (c *Client) exchange(ctx context.Context, m *aesmpb.Request) (*aesmpb.Response, error) {
	nc, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })()
	if err := writeFrame(nc, m); err != nil {
		return nil, err
	}
	b, err := readFrame(nc, maxResponse)
	if err != nil {
		return nil, err
	}
	return decodeResponse(b)
}

// dial waits where the service has not come to accept those who are there yet:
// Intel's lets few wait, and the kernel turns others away at once.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "unix", c.socket())
		if !errors.Is(err, syscall.EAGAIN) || ctx.Err() != nil {
			return nc, err
		}
		pause(ctx)
	}
}

func (c *Client) socket() string {
	if c.Socket == "" {
		return Socket
	}
	return c.Socket
}

func (c *Client) timeout() time.Duration {
	if c.Timeout <= 0 {
		return defaultTimeout
	}
	return c.Timeout
}

// microseconds is how long the service may take, as it is told.
func (c *Client) microseconds(ctx context.Context) *uint32 {
	left := c.timeout()
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return proto.Uint32(uint32(min(max(left, 0).Microseconds(), 1<<32-1)))
}

// pause gives others the time to let go of what has run out.
func pause(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}
