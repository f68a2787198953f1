package ocall_test

import (
	"bytes"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
)

func TestFramesThatWait(t *testing.T) {
	rest, a, b, long := []byte("rest"), []byte("aa"), []byte("bbb"), make([]byte, 65<<10)
	q := ocall.Queued(rest, a, b, long, a, b)
	want := [][]byte{[]byte("rest"), []byte("aabbb"), long, []byte("aabbb")}
	for _, short := range [][]byte{a, b} {
		clear(short) // their callers use them again
	}
	if len(q) != len(want) {
		t.Fatalf("%d writes, want %d", len(q), len(want))
	}
	for i := range want {
		if !bytes.Equal(q[i], want[i]) {
			t.Errorf("write %d: %.20q, want %.20q", i, q[i], want[i])
		}
	}
	if &q[2][0] != &long[0] {
		t.Error("a long frame was copied")
	}
}
