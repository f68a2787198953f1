package ocall

import (
	"context"
	"fmt"
	"net"
	"os"
)

// Reconnect is what a Conn does when its connection is lost, because the host
// was restarted for instance.
type Reconnect uint8

const (
	// Never has every later call fail with ErrClosed: the caller dials again.
	Never Reconnect = iota

	// Fail has the calls and streams under way fail with ErrClosed, and dials
	// again for the next.
	Fail

	// Retry is Fail, but calls under way whose Func is Idempotent are made again.
	Retry
)

// A Dialer makes connections. The zero Dialer is that of Dial.
//
// What a host answers after a restart is as little to be believed as before: it
// may be restarted to forget, or with older blobs.
type Dialer struct {
	// Reconnect says what happens when the connection is lost. While it is dialled
	// again, calls wait, no longer than their timeouts. After a violation, a
	// mismatch or Close nothing is dialled.
	Reconnect Reconnect

	// Memory bounds what calls and streams take on a connection, in bytes. A call
	// counts for MaxRequest and MaxResponse, and 16 MaxResponse more if the response
	// is no []byte; a stream for MaxRequest, 3 Window and MaxDown, and 16 MaxDown
	// more if its chunks are no []byte. They count until the host has answered, and
	// Call or CallBorrowed has returned or the Flow was closed. Those for which there
	// is no room wait for their turn; small ones may go first, but not for ever.
	//
	// Dial fails with ErrLimit if one call alone needs more. If zero, only their
	// number is bounded. Beside that, a call that waits for its turn holds its
	// encoded request, and a connection keeps up to 9 MiB of buffers to use them
	// again, and more that the garbage collector may take.
	Memory int64

	// Connect opens the connection. If nil, it goes to where AddressVariable says.
	Connect func(ctx context.Context) (net.Conn, error)
}

// Dial connects to the host half, for the calls of s. Connecting and the
// handshake end with ctx, and after 10 seconds each in any case.
func (d Dialer) Dial(ctx context.Context, s Service) (*Conn, error) {
	c := newConn(s, d)
	if err := d.fit(c.byIndex); err != nil {
		return nil, fmt.Errorf("ocall: %w", err)
	}
	if err := c.dial(ctx); err != nil {
		return nil, fmt.Errorf("ocall: %w", err)
	}
	return c, nil
}

// fit returns an error if there is a call for which Memory has no room.
func (d Dialer) fit(methods []*method) error {
	for _, m := range methods {
		if d.Memory != 0 && m.memory > uint64(max(d.Memory, 0)) {
			return fmt.Errorf("%w: %s may take %d bytes, more than Dialer.Memory, %d: raise that, or lower the limits of the call", ErrLimit, m.name, m.memory, d.Memory)
		}
	}
	return nil
}

func (d Dialer) connect(ctx context.Context) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx)
	}
	return dial(ctx, os.Getenv(AddressVariable))
}
