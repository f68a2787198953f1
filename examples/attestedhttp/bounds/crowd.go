package bounds

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// A crowd is who is connected to a server: so many and no more. Who comes when
// it is full is let in for another who goes: the one who has kept the server
// waiting longest, for a first header or for the next, or, where nobody does,
// the one whose answer has taken longest. So nobody has a place by being silent,
// and whoever asks at once is answered. What is not bounded is how fast others
// come: one who needs longer for a handshake than they do to fill it goes too.
type crowd struct {
	most int

	mu    sync.Mutex
	left  sync.Cond // somebody has
	here  map[net.Conn]*stay
	turns uint64
}

// stay is what is known of one of them.
type stay struct {
	asks  bool   // the header is complete; what is waited for is the answer
	since uint64 // the turn in which that, or the wait for a header, began
	told  bool   // to go
}

func newCrowd(most int) *crowd {
	c := &crowd{most: most, here: map[net.Conn]*stay{}}
	c.left.L = &c.mu
	return c
}

// follow is an [http.Server]'s ConnState. For a new connection the server waits
// for it, and accepts no other: net/http calls it before it serves that one.
func (c *crowd) follow(conn net.Conn, now http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.turns++; now {
	case http.StateNew:
		c.makeRoom()
		c.here[conn] = &stay{since: c.turns}
	case http.StateActive, http.StateIdle:
		s := c.here[conn]
		s.asks, s.since = now == http.StateActive, c.turns
	default: // closed, or not the server's any more
		delete(c.here, conn)
		c.left.Signal()
	}
}

// makeRoom returns when there is room, so that those who were told to go count
// until they are gone: that is what gives them, and those who were let in just
// before, their turn to run.
func (c *crowd) makeRoom() {
	if len(c.here) >= c.most {
		c.tellOne()
	}
	for len(c.here) >= c.most {
		c.left.Wait()
	}
}

// tellOne closes what is below TLS: to say goodbye might take as long as the
// other end likes.
func (c *crowd) tellOne() {
	var first net.Conn
	for conn, s := range c.here {
		if !s.told && (first == nil || s.before(c.here[first])) {
			first = conn
		}
	}
	if first == nil {
		return // all have been told, and go
	}
	c.here[first].told = true
	if t, ok := first.(*tls.Conn); ok {
		first = t.NetConn()
	}
	first.Close()
}

func (s *stay) before(other *stay) bool {
	if s.asks != other.asks {
		return !s.asks
	}
	return s.since < other.since
}
