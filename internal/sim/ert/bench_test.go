package ert_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/ratio"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// One quote makes one signature: what it takes beyond that is the call, the
// report and its MAC.
func BenchmarkRatioQuote(b *testing.B) {
	machine := must(sim.Open(filepath.Join(b.TempDir(), "machine")))
	r, m := ert.New(machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}}), machine), newMemory(room)
	key := must(issue.NewKey())
	digest := make([]byte, 32)
	const many = 100
	ratio.Report(b, func() {
		for range many {
			must(key.Sign(rand.Reader, digest, nil))
		}
	}, func() {
		for range many {
			try(r, m, oe.CallRemoteReport, 0, 0, 0, 0, addrAt, sizeAt)
			try(r, m, oe.CallFreeReport, m.word(addrAt))
		}
	})
}

func BenchmarkRemoteReport(b *testing.B) {
	machine := must(sim.Open(filepath.Join(b.TempDir(), "machine")))
	r, m := ert.New(machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}}), machine), newMemory(room)
	for b.Loop() {
		try(r, m, oe.CallRemoteReport, 0, 0, 0, 0, addrAt, sizeAt)
		try(r, m, oe.CallFreeReport, m.word(addrAt))
	}
}

func BenchmarkLocalReport(b *testing.B) {
	machine := must(sim.Open(filepath.Join(b.TempDir(), "machine")))
	r, m := ert.New(machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}}), machine), newMemory(room)
	for b.Loop() {
		try(r, m, oe.CallLocalReport, 0, 0, 0, 0, addrAt, sizeAt)
		try(r, m, oe.CallFreeReport, m.word(addrAt))
	}
}

func BenchmarkVerifyEvidence(b *testing.B) {
	machine := must(sim.Open(filepath.Join(b.TempDir(), "machine")))
	r, m := ert.New(machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}}), machine), newMemory(room)
	quote := must(machine.Quote(machine.Enclave(sim.Identity{}).Report(machine.QuotingEnclave(), [64]byte{})))
	for b.Loop() {
		if got := verifyEvidence(r, m, oe.Report(quote, true)); got != oe.OK {
			b.Fatal(got)
		}
		try(r, m, oe.CallFreeClaims, m.word(addrAt), m.word(sizeAt))
	}
}
