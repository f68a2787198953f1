package doctor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// This machine, whatever it is, without its network.
func TestHere(t *testing.T) {
	n := doctor.Here(func(context.Context, string) (time.Duration, error) { return 0, errors.New("not asked") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	said := map[string]bool{}
	for _, f := range doctor.Examine(ctx, n) {
		said[f.Check] = true
		if f.Says == "" || (f.Fix == "") != (f.Status == doctor.OK) {
			t.Errorf("%+v", f)
		}
	}
	if len(said) != 13 {
		t.Errorf("only %v", said)
	}
}
