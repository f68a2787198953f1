package attest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Waiting between tries.
const (
	firstWait   = 250 * time.Millisecond // at most, before the second try
	longestWait = 10 * time.Second       // at most, of our own accord
	patience    = 30 * time.Second       // at most, if the service asks for it
)

// A passing error may be gone at the next try, but not before a time.
type passing struct {
	error
	after time.Duration
}

func (p *passing) Unwrap() error { return p.error }

// retry calls f until it succeeds, fails for good, or has been called so many
// times more. It does not begin a wait that ctx would cut short.
func retry[T any](ctx context.Context, times int, f func() (T, error)) (T, error) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		v, err := f()
		var p *passing
		if err == nil || times <= 0 || !errors.As(err, &p) {
			return v, err
		}
		times--
		if stop := sleep(ctx, max(p.after, jitter(wait))); stop != nil {
			return v, fmt.Errorf("%w; %w", err, stop)
		}
	}
}

var errNoTime = errors.New("there is no time to try again")

func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); d > patience || ok && time.Until(deadline) < d {
		return fmt.Errorf("%w in %v", errNoTime, d.Round(time.Second))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// jitter spreads the tries of many clients that failed together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// retryAfter reads the header: seconds, or a date. What cannot be read asks for
// nothing.
func retryAfter(s string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
