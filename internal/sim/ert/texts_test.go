package ert_test

import (
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

func TestResultText(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	for result := range oe.Results + 2 {
		if got := m.text(r.Call(m, oe.CallResultText, [6]uint64{uint64(result)})); got != result.String() {
			t.Errorf("%d: %q, want %q", uint64(result), got, result)
		}
	}
	// Open Enclave's enum has 32 bits.
	if got := m.text(r.Call(m, oe.CallResultText, [6]uint64{1<<32 | 3})); got != "OE_INVALID_PARAMETER" {
		t.Errorf("above 32 bits: %q", got)
	}
	if got := m.text(r.Call(m, oe.CallResultText, [6]uint64{1<<64 - 1})); got != "UNKNOWN" {
		t.Errorf("all ones: %q", got)
	}
}

// The name of OE_OUT_OF_MEMORY is needed when there is none.
func TestResultTextWhenFull(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(4<<10)
	for got := oe.OK; got != oe.OutOfMemory; {
		if got = try(r, m, oe.CallLocalReport, 0, 0, 0, 0, addrAt, sizeAt); got != oe.OK && got != oe.OutOfMemory {
			t.Fatalf("got %v", got)
		}
	}
	for len(m.live) < 100 {
		if _, err := m.Alloc(1); err != nil {
			break
		}
	}
	if got := m.text(r.Call(m, oe.CallResultText, [6]uint64{uint64(oe.OutOfMemory)})); got != "OE_OUT_OF_MEMORY" {
		t.Errorf("got %q", got)
	}
}

// An arena too small for the texts makes no call fail that fits.
func TestNoRoomForTexts(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(500)
	call(t, r, m, oe.CallLocalReport, 0, 0, 0, 0, addrAt, sizeAt)
	if addr := r.Call(m, oe.CallResultText, [6]uint64{1}); addr != 0 {
		t.Errorf("the text is at %#x", addr)
	}
}
