package attest_test

import (
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// What a verification pays for a cache that has what it needs.
func BenchmarkCache(b *testing.B) {
	p, d := newPress(b), newDepot()
	d.has[numbered(1)] = p.month(b, numbered(1))
	cache := &attest.Cache{Source: d}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.Collateral(b.Context(), numbered(1)); err != nil {
			b.Fatal(err)
		}
	}
}
