package attest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Cache is a [Source] that remembers what another one has. The zero Cache is
// before Intel's service. It must not be copied after its first use, is not
// changed by use otherwise, and is safe for concurrent use.
//
// However many ask about a platform at once, the source is asked once. What is
// there and has not expired is returned at once, also while the source is down;
// if it is getting old, newer is fetched meanwhile. An error is remembered for
// five seconds. At most 256 kinds of platforms and 32 MiB are kept, those used
// last. A Cache without work has no goroutine: there is nothing to close.
//
// It remembers documents, never verdicts. It reads in them when they expire,
// without knowing yet whether they are genuine, and everything is judged again
// at each verification. Of a source that lies it remembers lies, until a
// [Verifier] finds them out, and then for a minute at most.
type Cache struct {
	// Source is asked for what is not there. If nil, Intel's service.
	Source Source
	// Dir is a folder that keeps everything for the next start, and is made if
	// it is not there. If empty, nothing is kept. What is found there is no more
	// trusted than what the source says. A folder that cannot be written, or
	// has 256 files already, costs time at the next start and nothing else.
	Dir string
	// MaxAge is the age from which newer collateral is fetched while the older
	// is still served, however long that would last. If 0, a day.
	MaxAge time.Duration
	// Grace is how long expired collateral is served while the source fails. A
	// verifier refuses it unless its policy has such a grace too. If 0, never.
	Grace time.Duration
	// Time is the clock that judges expiry. If nil, [time.Now].
	Time func() time.Time

	mu      sync.Mutex
	entries map[Subject]*entry
	size    int           // of all entries, in bytes
	uses    uint64        // counts them
	slots   chan struct{} // has one for each fetch under way
}

// Bounds of a Cache.
const (
	maxEntries = 256
	maxSize    = 32 << 20
	maxFetches = 16
	fetchTime  = time.Minute     // of one fetch, from the first try to the last
	pause      = 5 * time.Second // after a failure, if somebody has to wait for the next try
	renewPause = time.Minute     // before the source is asked again for what is there
	defaultAge = 24 * time.Hour
)

// An entry is what is remembered about one kind of platform.
type entry struct {
	kept
	call    *call     // the fetch under way
	failure error     // of the latest fetch
	failed  time.Time // when that was
	suspect bool      // what is kept has been found unusable
	used    uint64    // when, by Cache.uses
}

// A call is one fetch, for all who wait for it.
type call struct {
	done       chan struct{} // closed when the others are set
	collateral *Collateral
	err        error
}

// Collateral returns what is remembered, or else asks the source. Every caller
// waits as long as its own context lets it; the fetch goes on without it, for
// a minute at most.
func (c *Cache) Collateral(ctx context.Context, s Subject) (*Collateral, error) {
	if found := c.find(s); found != nil {
		return found, nil
	}
	if ctx.Err() != nil {
		return nil, waited(ctx)
	}
	call, err := c.join(ctx, s)
	if err != nil {
		return nil, err
	}
	found, err := call.wait(ctx)
	if err != nil {
		if old := c.find(s); old != nil { // within the grace
			return old, nil
		}
	}
	return found, err
}

func (c *call) wait(ctx context.Context) (*Collateral, error) {
	select {
	case <-c.done:
		return c.collateral, c.err
	case <-ctx.Done():
		return nil, waited(ctx)
	}
}

func waited(ctx context.Context) error {
	return because(ErrCollateral, fmt.Errorf("it did not come in time: %w", context.Cause(ctx)))
}

// find returns what can be served, and sees to it that it does not get old.
func (c *Cache) find(s Subject) *Collateral {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, now := c.entries[s], c.now()
	if e == nil || !e.serves(now, c.Grace) {
		return nil
	}
	c.touch(e)
	if e.old(now) && !e.paused(now, renewPause) && e.call == nil {
		c.refresh(s)
	}
	return e.collateral
}

// refresh begins a fetch if that is possible without waiting.
func (c *Cache) refresh(s Subject) {
	select {
	case c.slots <- struct{}{}:
		c.begin(s)
	default:
	}
}

// join returns the fetch that is under way for s, or begins one.
func (c *Cache) join(ctx context.Context, s Subject) (*call, error) {
	call, err := c.current(s)
	if call != nil || err != nil {
		return call, err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, waited(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if call := c.begun(s); call != nil {
		<-c.slots
		return call, nil
	}
	return c.begin(s), nil
}

// begun returns the fetch that another one has begun, or ended, meanwhile.
func (c *Cache) begun(s Subject) *call {
	e, now := c.entries[s], c.now()
	switch {
	case e == nil:
		return nil
	case e.call != nil:
		return e.call
	case !e.suspect && e.serves(now, c.Grace):
		return ended(e.collateral, nil)
	case e.paused(now, pause):
		return ended(nil, e.failure)
	}
	return nil
}

func ended(c *Collateral, err error) *call {
	done := make(chan struct{})
	close(done)
	return &call{done, c, err}
}

// current returns the fetch that is under way, or the error of one that failed
// just now.
func (c *Cache) current(s Subject) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots == nil {
		c.slots = make(chan struct{}, maxFetches)
		c.entries = make(map[Subject]*entry)
	}
	switch e := c.entries[s]; {
	case e == nil:
		return nil, nil
	case e.call != nil:
		return e.call, nil
	case e.paused(c.now(), pause):
		return nil, e.failure
	}
	return nil, nil
}

func (c *Cache) now() time.Time {
	now := time.Now
	if c.Time != nil {
		now = c.Time
	}
	return now().Round(0) // a monotonic reading would hide that the clock was set back
}

// serves reports whether what is kept can be returned. After its expiry the
// source must have failed first.
func (e *entry) serves(now time.Time, grace time.Duration) bool {
	return e.collateral != nil && (now.Before(e.expires) || e.failure != nil && now.Before(e.expires.Add(grace)))
}

// old reports whether newer should be fetched: it is time, or the clock has
// been set back and nobody knows.
func (e *entry) old(now time.Time) bool { return !now.Before(e.renew) || now.Before(e.got) }

// paused reports whether the source has failed so recently that it is left
// alone.
func (e *entry) paused(now time.Time, d time.Duration) bool {
	return e.failure != nil && !now.Before(e.failed) && now.Sub(e.failed) < d
}
