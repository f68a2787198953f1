package attest

import (
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// maxLines bounds what a clock remembers. Intel judges fewer kinds of
// platforms than that.
const maxLines = 1024

// A clock keeps a verifier from being led back in time by whoever controls the
// host's clock and collateral, as far as one run goes. It learns only from
// evidence that has been verified: a reading of the clock at which nothing
// verifies, because it is years ahead, leaves no trace. It is safe for
// concurrent use.
type clock struct {
	mu     sync.Mutex
	latest time.Time
	lines  map[line]evaluations
}

// A line of evaluations, each newer than those before.
type line struct {
	root  [32]byte
	fmspc FMSPC
	tee   TEE
}

// evaluations are the numbers of TCB info and QE identity.
type evaluations struct{ platform, qe uint32 }

// now is the reading, but not before the latest at which something was
// verified.
func (c *clock) now(reading time.Time) time.Time {
	reading = reading.Round(0) // without the monotonic reading, which hides that the clock was set back
	c.mu.Lock()
	defer c.mu.Unlock()
	if reading.Before(c.latest) {
		return c.latest
	}
	return reading
}

// saw remembers what evidence has been verified with at the time now, and
// refuses collateral that is older than what was used before.
func (c *clock) saw(v *dcap.Verdict, tee TEE, now time.Time) error {
	at := line{v.Root, v.Platform.FMSPC, tee}
	e := evaluations{v.TCB.Platform.Evaluation, v.TCB.QE.Evaluation}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.lines[at]; e.platform < before.platform || e.qe < before.qe {
		return fail(ErrCollateral, "evaluation %d of platforms %v is older than evaluation %d, which this verifier has seen already",
			min(e.platform, e.qe), at.fmspc, max(before.platform, before.qe))
	}
	c.remember(at, e)
	if now.After(c.latest) {
		c.latest = now
	}
	return nil
}

func (c *clock) remember(at line, e evaluations) {
	if c.lines == nil {
		c.lines = map[line]evaluations{}
	}
	if _, known := c.lines[at]; !known && len(c.lines) >= maxLines {
		for other := range c.lines {
			delete(c.lines, other)
			break
		}
	}
	c.lines[at] = e
}
