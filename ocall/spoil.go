//go:build !race

package ocall

// spoil is for tests.
func spoil([]byte) {}
