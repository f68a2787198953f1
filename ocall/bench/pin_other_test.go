//go:build !linux

package bench_test

// pin leaves it to the kernel where this process runs.
func pin(int) (undo func(), err error) { return func() {}, nil }
