package usual

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Bounds are what is known of a time before it is asked for.
type Bounds struct {
	NotBefore time.Time     // the latest time that is known to have passed: of a signature, of the build, of the last answer; if zero, 2026
	Within    time.Duration // how much later it may be; if zero, 100 years
}

// TimeAsTheHostClaims is the wall clock of the host, which is free to lie: it
// can stop the clock, set it back as far as NotBefore, or ahead. It will do for
// a log, not for whether something has expired.
//
// Two answers need not ascend. Where they must, the first is the NotBefore of
// the second; with a Within that is not too long, since a host that once said
// 2099 can then not be asked for less.
var TimeAsTheHostClaims = ocall.Func[Bounds, time.Time]{
	Name:        "clock.claimed",
	Check:       checkTime,
	MaxRequest:  1 << 10,
	MaxResponse: 1 << 10,
	Concurrency: manyAtOnce,
	Idempotent:  true,
}

var errTime = errors.New("a time that cannot be")

const century = 100 * 365 * 24 * time.Hour

// written is when this was.
func written() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

func checkTime(b Bounds, claimed time.Time) error {
	if b.NotBefore.IsZero() {
		b.NotBefore = written()
	}
	if claimed.Before(b.NotBefore) || claimed.Sub(b.NotBefore) > cmp.Or(b.Within, century) {
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
