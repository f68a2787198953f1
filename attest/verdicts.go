package attest

import (
	"context"
	"fmt"
	"sync"
)

// How many verdicts are kept: of peers whose handshake has been seen complete,
// and of others. The latter are whatever certificates somebody has got hold of
// and shown, so that they have room of their own.
const (
	maxProven   = 1024
	maxUnproven = 256
)

// maxFlights bounds the certificates that are verified at once, each with a
// question to the source: others wait.
const maxFlights = 64

// verdicts remembers what certificates prove that the policy trusted when it
// was asked: a function of their bytes, and never who has shown them. Whether
// that still holds is for the caller to see. It is safe for concurrent use.
type verdicts struct {
	mu       sync.Mutex
	proven   map[verdictKey]proof
	unproven map[verdictKey]proof
	shared   []*Collateral // that they rest on
	flights  map[verdictKey]*flight
	places   chan struct{} // has one for each flight that has begun
}

func (d *verdicts) find(key verdictKey) proof {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.proven[key]; found != nil {
		return found
	}
	return d.unproven[key]
}

// keep remembers p, unless the same is known. Once a handshake with the
// certificate has been complete, its place is that of the proven.
func (d *verdicts) keep(key verdictKey, p proof, complete bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, proven := d.proven[key], true
	if known == nil {
		known, proven = d.unproven[key], complete
	}
	if known != nil && known[0] == p[0] && proven == (d.proven[key] != nil) {
		return
	}
	if p = d.own(p); p == nil {
		return
	}
	delete(d.unproven, key)
	if proven {
		remember(&d.proven, key, p, maxProven)
		return
	}
	remember(&d.unproven, key, p, maxUnproven)
}

// own is a copy of p that shares its documents with others. It is nil if some
// of p was looked up elsewhere, which nobody would know to have changed.
func (d *verdicts) own(p proof) (own proof) {
	for _, j := range p {
		if j.borrowed {
			return nil
		}
		kept := *j
		kept.collateral = *d.share(j.collateral)
		own = append(own, &kept)
	}
	return own
}

// share returns the same documents in a place where others have them too: a
// source that reads a folder returns new ones each time. If there are too many,
// everything is forgotten that would keep them.
func (d *verdicts) share(c Collateral) *Collateral {
	for _, known := range d.shared {
		if known.is(&c) || known.equal(&c) {
			return known
		}
	}
	if len(d.shared) >= maxParsed {
		d.shared, d.proven, d.unproven = nil, nil, nil
	}
	d.shared = append(d.shared, &c)
	return &c
}

// remember makes room by forgetting anything, so that no choice of a peer's
// decides what.
func remember(m *map[verdictKey]proof, key verdictKey, p proof, most int) {
	if *m == nil {
		*m = map[verdictKey]proof{}
	}
	if _, known := (*m)[key]; !known && len(*m) >= most {
		for forgotten := range *m {
			delete(*m, forgotten)
			break
		}
	}
	(*m)[key] = p
}

// A flight is one verification, for all who wait for it.
type flight struct {
	done  chan struct{} // closed when the others are set
	found proof
	err   error
	left  bool // it ended because its caller gave up

	waiting int // how many others wait; for tests
}

// once has one caller verify at a time, and the others wait for what it finds.
// If that one gives up, they are told that it has left, and begin again: a
// caller ends with its own context and no other.
func (d *verdicts) once(ctx context.Context, key verdictKey, verify func() (proof, error)) (found proof, left bool, err error) {
	f, first := d.join(key)
	if first {
		found, err = d.fly(ctx, key, f, verify)
		return found, false, err
	}
	select {
	case <-f.done:
		return f.found, f.left, f.err
	case <-ctx.Done():
		return nil, false, late(ctx)
	}
}

func late(ctx context.Context) error {
	return because(ErrCollateral, fmt.Errorf("the verification did not end in time: %w", context.Cause(ctx)))
}

func (d *verdicts) join(key verdictKey) (f *flight, first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.flights[key]; f != nil {
		f.waiting++
		return f, false
	}
	if d.flights == nil {
		d.flights, d.places = map[verdictKey]*flight{}, make(chan struct{}, maxFlights)
	}
	f = &flight{done: make(chan struct{}), left: true}
	d.flights[key] = f
	return f, true
}

func (d *verdicts) fly(ctx context.Context, key verdictKey, f *flight, verify func() (proof, error)) (proof, error) {
	defer func() { // also if verify panics
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.flights, key)
		close(f.done)
	}()
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	case <-ctx.Done():
		return nil, late(ctx) // f.left is true
	}
	found, err := verify()
	f.found, f.err, f.left = found, err, err != nil && ctx.Err() != nil
	return found, err
}
