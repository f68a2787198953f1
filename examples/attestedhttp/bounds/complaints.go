package bounds

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// often is how often a server may complain of its clients.
const often = time.Minute

// complaints are what a server says of its clients, such as that a handshake
// failed. Each of them can make it say that as often as it likes, so they are
// counted, and one in a while is passed on.
type complaints struct {
	say func(line string)
	now func() time.Time

	mu     sync.Mutex
	last   time.Time // when one was passed on
	unsaid int       // since then
}

func (c *complaints) Write(p []byte) (int, error) {
	line := string(bytes.TrimSpace(p))
	if bytes.HasPrefix(p, []byte("http: panic serving ")) {
		c.say(line) // a fault of the server's own
	} else if n, due := c.count(); due {
		c.say(fmt.Sprintf("%s (and %d others before)", line, n))
	}
	return len(p), nil
}

// count reports whether the next is passed on, and how many were not. A clock
// that was put back does not silence it.
func (c *complaints) count() (unsaid int, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if since := now.Sub(c.last); since >= 0 && since < often {
		c.unsaid++
		return 0, false
	}
	unsaid, c.unsaid, c.last = c.unsaid, 0, now
	return unsaid, true
}
