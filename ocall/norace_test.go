//go:build !race

package ocall_test

const raced = false
