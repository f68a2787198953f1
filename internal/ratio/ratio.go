// Package ratio compares the speed of two ways to do the same work, on
// machines that have other things to do. It is for benchmarks.
//
// Both are timed in turn, in many short slices, so that whatever else the
// machine does in a slice slows both, and the median leaves out the slices in
// which it does not.
package ratio

import (
	"slices"
	"testing"
	"time"
)

// least is how many slices a median is of, whatever the benchmark's time.
const least = 21

// Report runs bare and ours in turn for as long as the benchmark wants, and at
// least 21 times, and reports the metric "ratio": the speed of ours in terms
// of bare's. At 1 they are equally fast, at 0.5 ours takes twice as long.
//
// A call should take about 1 to 50 ms, and both the same amount of work.
func Report(b *testing.B, bare, ours func()) {
	b.Helper()
	bare()
	ours()
	var all []float64
	for b.Loop() {
		all = append(all, slice(bare, ours, len(all)))
	}
	for len(all) < least {
		all = append(all, slice(bare, ours, len(all)))
	}
	b.ReportMetric(median(all), "ratio")
}

// slice is the ratio in the slice of that number: in every other one, ours
// comes first.
func slice(bare, ours func(), number int) float64 {
	if number%2 == 1 {
		o := elapsed(ours)
		return elapsed(bare) / o
	}
	b := elapsed(bare)
	return b / elapsed(ours)
}

func elapsed(f func()) float64 {
	start := time.Now()
	f()
	return max(time.Since(start).Seconds(), 1e-9)
}

func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
