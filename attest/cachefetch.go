package attest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// kept is collateral, and what it says of itself.
type kept struct {
	collateral *Collateral // nil if there is none
	size       int         // in bytes
	got        time.Time   // when the source was asked
	renew      time.Time   // when it should be asked again
	expires    time.Time
	evaluation uint32
}

// admit reads what c says of itself. What is not about s is not kept: it could
// only make the verification fail.
func (c *Cache) admit(s Subject, found *Collateral, got time.Time) (kept, error) {
	if found == nil {
		return kept{}, fail(ErrCollateral, "the source has none for %v", s)
	}
	size := 0
	for _, part := range found.parts() {
		if len(*part) > maxCollateralSize {
			return kept{}, fail(ErrCollateral, "a document about %v %v", s, errTooLarge)
		}
		size += len(*part)
	}
	o, err := found.Outline()
	if err != nil {
		return kept{}, err
	}
	if o.FMSPC != s.FMSPC || o.TEE != s.TEE {
		return kept{}, unusable("the source was asked about %v and answers about %v %x: ask another source", s, o.TEE, o.FMSPC)
	}
	expires := o.NextUpdate()
	return kept{found, size, got, c.renewal(got, expires), expires, min(o.TCBInfo.Evaluation, o.QEIdentity.Evaluation)}, nil
}

// renewal is when newer collateral should be fetched: at the age of MaxAge, or
// in the last quarter of its life. It is up to a tenth earlier, so that many
// who started together do not ask together.
func (c *Cache) renewal(got, expires time.Time) time.Time {
	age := c.MaxAge
	if age <= 0 {
		age = defaultAge
	}
	left := expires.Sub(got)
	age = max(min(age, left-left/4), pause)
	return got.Add(age - rand.N(age/10))
}

// begin fetches in a goroutine. The caller holds the lock and one slot, which
// the fetch gives back.
func (c *Cache) begin(s Subject) *call {
	e := c.room(s)
	e.call = &call{done: make(chan struct{})}
	go c.fetch(s, e, e.collateral == nil)
	return e.call
}

type outcome struct {
	kept
	err error
}

// fetch ends after a minute, whatever the source does. One that does not end
// with its context keeps its slot.
func (c *Cache) fetch(s Subject, e *entry, folder bool) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), fetchTime, fmt.Errorf("the source did not answer in %v", fetchTime))
	defer cancel()
	outcomes := make(chan outcome, 1)
	go func() {
		found, err := c.load(ctx, s, folder)
		outcomes <- outcome{found, err}
	}()
	select {
	case o := <-outcomes:
		c.finish(s, e, o)
	case <-ctx.Done():
		c.finish(s, e, outcome{err: waited(ctx)})
		<-outcomes
	}
	<-c.slots
}

// load looks in the folder first, if told to.
func (c *Cache) load(ctx context.Context, s Subject, folder bool) (kept, error) {
	var stored kept
	if folder {
		stored = c.stored(s)
		if stored.collateral != nil && c.now().Before(stored.expires) {
			return stored, nil
		}
	}
	found, err := c.ask(ctx, s)
	if err != nil {
		return stored, err
	}
	c.store(s, found)
	return found, nil
}

func (c *Cache) ask(ctx context.Context, s Subject) (kept, error) {
	source := c.Source
	if source == nil {
		source = &PCS{}
	}
	found, err := source.Collateral(ctx, s)
	if err != nil {
		return kept{}, err
	}
	return c.admit(s, found, c.now())
}

// finish takes over what has come. An error can come with what was stored, for
// the time of grace.
func (c *Cache) finish(s Subject, e *entry, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if o.err == nil && !now.Before(o.expires) {
		o.err = unusable("what the source has about %v expired on %s: ask another source", s, o.expires.UTC().Format(time.DateOnly))
	}
	if o.collateral != nil && e.replacedBy(&o.kept, now) {
		c.size += o.size - e.size
		e.kept, e.suspect = o.kept, false
	}
	e.failure, e.failed = o.err, now
	call := e.call
	e.call = nil
	call.collateral, call.err = e.collateral, o.err
	if o.err != nil {
		call.collateral = nil
	}
	close(call.done)
	c.trim(e)
}

// replacedBy reports whether n is better than what e has. What would be a step
// back is not, such as from one of several services that is behind the others.
// Of two that are the same the older one stays, which has been parsed.
func (e *entry) replacedBy(n *kept, now time.Time) bool {
	switch {
	case e.collateral == nil:
		return true
	case e.collateral.equal(n.collateral):
		e.got, e.renew = n.got, n.renew
		return false
	case e.suspect:
		return true
	case n.expires.Before(e.expires) || n.evaluation < e.evaluation && now.Before(e.expires):
		e.got, e.renew = n.got, n.renew
		return false
	}
	return true
}

func (c *Collateral) equal(d *Collateral) bool {
	x, y := c.parts(), d.parts()
	return slices.EqualFunc(x[:], y[:], func(a, b *[]byte) bool { return string(*a) == string(*b) })
}

// A renewer is a source that can be told that what it gave is unusable.
type renewer interface {
	renew(ctx context.Context, s Subject, bad *Collateral) (*Collateral, error)
}

var errNotRenewed = errors.New("there is nothing newer")

// renewed returns other collateral than bad, if the source remembers and has
// some. A verifier that finds collateral unusable asks for it once.
func renewed(ctx context.Context, source Source, s Subject, bad *Collateral) (*Collateral, bool) {
	r, ok := source.(renewer)
	if !ok {
		return nil, false
	}
	c, err := r.renew(ctx, s, bad)
	return c, err == nil
}

// renew asks the source again, unless that has just been done: evidence that
// makes good collateral seem bad must not become requests.
func (c *Cache) renew(ctx context.Context, s Subject, bad *Collateral) (*Collateral, error) {
	c.mu.Lock()
	e, now := c.entries[s], c.now()
	switch {
	case e == nil || e.collateral == nil:
		c.mu.Unlock()
		return nil, errNotRenewed
	case e.collateral != bad: // another one was faster
		defer c.mu.Unlock()
		return e.collateral, nil
	case e.call == nil && !now.Before(e.got) && now.Sub(e.got) < renewPause:
		c.mu.Unlock()
		return nil, errNotRenewed
	}
	e.suspect = true
	c.mu.Unlock()
	call, err := c.join(ctx, s)
	if err != nil {
		return nil, err
	}
	found, err := call.wait(ctx)
	if err == nil && found == bad {
		return nil, errNotRenewed
	}
	return found, err
}
