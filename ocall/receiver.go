package ocall

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// receiver is how a connection is read: as few system calls as there can be,
// since each of the trusted half's leaves the enclave.
//
// A read that returns less than was asked for has emptied the socket, so the
// next is made only when the kernel tells of more, and not to hear that there is
// nothing. Of one thing the kernel does not tell again: an end that came together
// with what was read last. So when nothing has come for a while, the
// connection is read in vain once: see doubt.
type receiver struct {
	nc   net.Conn
	in   *intake
	idle func() // before each wait
	look func() // sees to it that doubt is looked at in a tick
	poll polling

	over  atomic.Bool // interrupt means the end
	doubt doubt
}

// doubt is about whether the connection has ended unnoticed.
type doubt struct {
	mu      sync.Mutex
	any     bool   // since the last read returned less than was asked for
	looking bool   // a look will come
	reads   uint64 // how often one did
	seen    uint64 // reads, when looked at last
}

// grows reports whether nobody would look.
func (d *doubt) grows() (unseen bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	unseen = !d.looking
	d.any, d.looking = true, true
	d.reads++
	return unseen
}

func (d *doubt) ends() {
	d.mu.Lock()
	d.any = false
	d.mu.Unlock()
}

// check reports whether to look again in a tick, or to read in vain now.
func (d *doubt) check() (again, now bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := d.reads != d.seen
	d.seen, d.looking = d.reads, d.any && fresh
	return d.looking, d.any && !fresh
}

// frames hands frames over until the connection ends, which is an error: io.EOF
// if it did so between two frames.
func (r *receiver) frames() error {
	raw, err := rawOf(r.nc)
	if err != nil {
		return r.plain()
	}
	for {
		switch err := r.whileItLasts(raw); {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case r.over.Load():
			return errInterrupted
		}
		r.nc.SetReadDeadline(time.Time{})
		if r.over.Load() { // meanwhile
			return errInterrupted
		}
	}
}

func rawOf(nc net.Conn) (syscall.RawConn, error) {
	if sc, ok := nc.(syscall.Conn); ok && canReadNow {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// whileItLasts stays in one Read, since what the kernel told of before another
// begins is forgotten.
func (r *receiver) whileItLasts(raw syscall.RawConn) error {
	var ended error
	err := raw.Read(func(fd uintptr) (done bool) {
		done, ended = r.empty(fd)
		return done
	})
	if ended != nil {
		return ended
	}
	return err
}

// empty reads until there is nothing to read.
func (r *receiver) empty(fd uintptr) (done bool, err error) {
	for reads := 1; ; reads++ {
		room := r.in.room()
		n, err := r.poll.read(fd, room, r.in.rest > 0)
		switch {
		case err == syscall.EAGAIN && !r.over.Load() && r.poll.goesOn():
			r.idle()
			continue
		case err == syscall.EAGAIN:
			r.doubt.ends()
			r.idle()
			return false, nil
		case err == syscall.EINTR:
			continue
		case err != nil:
			return true, err
		case n <= 0:
			return true, r.in.end()
		}
		if err := r.in.came(n); err != nil {
			return true, err
		}
		if n < len(room) {
			if r.doubt.grows() {
				r.look() // holding no lock: whoever checks holds theirs
			}
			r.idle()
			if !r.poll.begins() {
				return false, nil
			}
		}
		if reads%readsInRow > 0 {
			continue
		}
		if r.over.Load() { // a flood may not keep from the end
			r.poll.takeOut(fd)
			return true, errInterrupted
		}
		r.idle() // nor others from their turn
		runtime.Gosched()
	}
}

// plain is for connections without a descriptor.
func (r *receiver) plain() error {
	for {
		r.idle()
		n, err := r.nc.Read(r.in.room())
		if n > 0 {
			if err := r.in.came(n); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errInterrupted
		case err != nil:
			return r.cut(err)
		}
	}
}

func (r *receiver) cut(err error) error {
	if err == io.EOF {
		return r.in.end()
	}
	return err
}

// interrupt ends frames.
func (r *receiver) interrupt() {
	r.over.Store(true)
	r.nc.SetReadDeadline(time.Unix(1, 0))
}

// verify has the connection read in vain.
func (r *receiver) verify() { r.nc.SetReadDeadline(time.Unix(1, 0)) }
