package ocall

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// link is a connection as both halves have it.
type link struct {
	nc     net.Conn
	out    *writer
	bodies shelf // that came; what is sent has its own
}

// newLink has the kernel take as much at once as it will: whoever writes more
// than that has to wait, and each wait is a wake of its own.
func newLink(nc net.Conn) link {
	if b, ok := nc.(interface{ SetWriteBuffer(int) error }); ok {
		b.SetWriteBuffer(writeBuffer) // or what the system allows
	}
	return link{nc: nc, out: newWriter(nc)}
}

// hangUp closes nc, soon. Closing a descriptor waits for whoever reads from it,
// and that is a receiver for as long as the connection lasts: nobody who holds a
// lock that it may want, nor the receiver itself, can wait for that.
func hangUp(nc net.Conn) { go nc.Close() }

// gone is what the end of a connection comes to, given the error that ended it.
func gone(err error) error {
	switch {
	case errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w by the other half", ErrClosed)
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}
