//go:build race

package ocall_test

// raced is whether the race detector counts along, which sets memory aside.
const raced = true
