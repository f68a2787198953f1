package ratio_test

import (
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/ratio"
)

func wait(d time.Duration) func() { return func() { time.Sleep(d) } }

// Every third slice is disturbed by something much longer than what is
// measured: the others still decide.
func TestReport(t *testing.T) {
	tests := map[string]struct {
		bare, ours  time.Duration
		least, most float64
	}{
		"half as fast":  {2 * time.Millisecond, 4 * time.Millisecond, 0.2, 0.9},
		"twice as fast": {4 * time.Millisecond, 2 * time.Millisecond, 1.1, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			calls, disturbed := 0, 0
			r := testing.Benchmark(func(b *testing.B) {
				calls, disturbed = 0, 0
				ratio.Report(b, wait(test.bare), func() {
					if calls++; calls%3 == 0 {
						disturbed++
						time.Sleep(20 * time.Millisecond)
					}
					time.Sleep(test.ours)
				})
			})
			if got := r.Extra["ratio"]; got < test.least || got > test.most {
				t.Errorf("%v over %v: ratio %v", test.ours, test.bare, got)
			}
			if calls < 22 || disturbed == 0 {
				t.Errorf("%d calls, %d disturbed", calls, disturbed)
			}
		})
	}
}
