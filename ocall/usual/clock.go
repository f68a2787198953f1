package usual

import (
	"context"
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Bounds are what is known of a time before it is asked for.
type Bounds struct {
	NotBefore time.Time     // the latest time that is known to have passed: of a signature, of the build
	Within    time.Duration // how much later it may be; if zero, 100 years
}

// TimeAsTheHostClaims is the wall clock of the host, which is free to lie: it
// can stop the clock, set it back as far as NotBefore, or ahead. It will do for
// a log, not for whether something has expired.
var TimeAsTheHostClaims = ocall.Func[Bounds, time.Time]{
	Name:        "clock.claimed",
	Check:       checkTime,
	MaxRequest:  1 << 10,
	MaxResponse: 1 << 10,
	Idempotent:  true,
}

var errTime = errors.New("a time that cannot be")

const century = 100 * 365 * 24 * time.Hour

func checkTime(b Bounds, claimed time.Time) error {
	within := b.Within
	if within == 0 {
		within = century
	}
	if claimed.IsZero() || claimed.Before(b.NotBefore) || !b.NotBefore.IsZero() && claimed.Sub(b.NotBefore) > within {
		return errTime
	}
	return nil
}

// HandleClock has mux answer TimeAsTheHostClaims by now; if that is nil, by
// time.Now.
func HandleClock(mux *ocall.Mux, now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	TimeAsTheHostClaims.Handle(mux, func(context.Context, Bounds) (time.Time, error) { return now().UTC(), nil })
}
