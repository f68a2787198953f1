package gramine

import "context"

// turn is held by who uses /dev/attestation. It is the process's because the
// files are: Gramine has one report data and one target for all who have them
// open.
var turn = make(chan struct{}, 1)

func takeTurn(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
