package main

import (
	"math/rand/v2"
	"time"
)

// Multiples of the first wait.
const (
	maxWait = 300
	settled = 600 // after a trusted half that ran so long, the next wait is the first again
)

// backoff is how long is waited before the next launch: after each one twice as
// long, but for chance, by which many hosts do not launch at the same moments.
type backoff struct {
	first time.Duration
	next  time.Duration // at most, or 0 before any
}

// after is the wait after a trusted half that ran so long.
func (b *backoff) after(ran time.Duration) time.Duration {
	if b.next == 0 || ran > settled*b.first {
		b.next = b.first
	}
	wait := b.next
	b.next = min(2*wait, maxWait*b.first)
	return wait/2 + rand.N(wait/2+1)
}
