//go:build !unix

package ocall

import "syscall"

const canReadNow = false

// writeNow leaves everything to the goroutine that may wait: halves run on
// Linux only, but what they share should build where it is edited.
func writeNow(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }

func readNow(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }

func peekNow(uintptr, []byte) (n, left int, err error) { return 0, 0, syscall.EAGAIN }

// yieldNow leaves it to the kernel when other threads have the processor.
func yieldNow() {}
