package ocall_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

// Each system call of the trusted half leaves the enclave. Under load, frames
// share them: at most 0.5 writes and 0.6 reads for a call.
func TestSystemCallsUnderLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	conn := dialPeer(t, startPeer(t))
	const callers, each = 64, 300
	burden(t, conn, callers, 10)
	reads, writes := systemCalls(t)
	burden(t, conn, callers, each)
	reads2, writes2 := systemCalls(t)
	r, w := float64(reads2-reads)/(callers*each), float64(writes2-writes)/(callers*each)
	t.Logf("%.3f reads and %.3f writes for a call", r, w)
	if r > 0.6 || w > 0.5 {
		t.Errorf("%.3f reads and %.3f writes for a call, at most 0.6 and 0.5", r, w)
	}
}

// systemCalls is how often this process has called read and write, whatever
// they returned.
func systemCalls(t *testing.T) (reads, writes uint64) {
	f, err := os.Open("/proc/self/io")
	if err != nil {
		t.Skip("the kernel does not count:", err)
	}
	defer f.Close()
	var chars, charsWritten uint64
	if _, err := fmt.Fscanf(f, "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\n", &chars, &charsWritten, &reads, &writes); err != nil {
		t.Skip("the kernel does not count:", err)
	}
	return reads, writes
}
