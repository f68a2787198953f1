package sealing_test

import (
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/sealing"
)

func TestRelay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	never := math.MaxInt
	for _, cores := range []int{1, 2, 3, 40} {
		runtime.GOMAXPROCS(cores)
		for name, test := range map[string]struct{ count, beforeStops, afterStops, begun int }{
			"none":             {0, never, never, 0},
			"one":              {1, never, never, 1},
			"as many as fit":   {sealing.Batch, never, never, sealing.Batch},
			"many":             {1000, never, never, 1000},
			"before the first": {never, 0, never, 0},
			"before a later":   {never, 333, never, 333},
			"after the first":  {1000, never, 0, -1},
			"after a later":    {never, never, 333, -1},
		} {
			var before, after int
			var worked, atWork, most atomic.Int64
			sealing.Relay(test.count, func(i int) bool {
				if i != before || i-after >= sealing.Batch {
					t.Errorf("%s on %d: before %d comes %d, after %d", name, cores, before, i, after)
				}
				if i == test.beforeStops {
					return false
				}
				before++
				return true
			}, func(i int) {
				most.Store(max(most.Load(), atWork.Add(1)))
				if i%7 == 0 {
					time.Sleep(10 * time.Microsecond)
				}
				worked.Add(1)
				atWork.Add(-1)
			}, func(i int) bool {
				if i != after {
					t.Errorf("%s on %d: after %d comes %d", name, cores, after, i)
				}
				after++
				return i != test.afterStops
			})
			if after != before || int(worked.Load()) != before || test.begun >= 0 && before != test.begun {
				t.Errorf("%s on %d: %d begun, %d worked on, %d ended", name, cores, before, worked.Load(), after)
			}
			if test.begun < 0 && (before <= test.afterStops || before > test.afterStops+sealing.Batch) {
				t.Errorf("%s on %d: %d begun", name, cores, before)
			}
			if most.Load() > int64(cores) {
				t.Errorf("%s on %d: %d at work at once", name, cores, most.Load())
			}
		}
	}
}

// Two cores do work at the same time: each waits for the other.
func TestRelayUsesTwoCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	meet := make(chan int)
	sealing.Relay(2, func(int) bool { return true }, func(i int) {
		select {
		case meet <- i:
		case <-meet:
		case <-time.After(time.Minute):
			t.Error("alone")
		}
	}, func(int) bool { return true })
}

func TestRelayLeavesNobodyBehind(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	before := runtime.NumGoroutine()
	for range 100 {
		sealing.Relay(100, func(int) bool { return true }, func(int) {}, func(int) bool { return true })
	}
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}
