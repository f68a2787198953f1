package attest

import (
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// A Clock is what a Verifier keeps from going backwards.
type Clock = clock

const MaxLines = maxLines

func (c *clock) Saw(v *dcap.Verdict, now time.Time) error { return c.saw(v, SGX, now) }

func (c *clock) Lines() int { return len(c.lines) }

func (c *clock) Now(reading time.Time) time.Time { return c.now(reading) }
