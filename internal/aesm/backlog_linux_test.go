package aesm_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/aesm"
)

// crowded is a socket at which one may wait to be accepted, and no more.
func crowded(t *testing.T) (socket string, l net.Listener) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "aesm.socket")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), socket)
	defer f.Close()
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	if l, err = net.FileListener(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return socket, l
}

func TestCrowdedService(t *testing.T) {
	socket, l := crowded(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			c := &aesm.Client{Socket: socket}
			if quote, err := c.Quote(t.Context(), report(byte(i))); err != nil || !bytes.Equal(quote, quoteOf(report(byte(i)))) {
				t.Error(err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond) // for some to be turned away
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- (&aesm.Server{QuotingEnclave: newEnclave(), Concurrency: 1}).Serve(ctx, l) }()
	all.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who is never let in does not wait for ever.
func TestServiceThatNeverAccepts(t *testing.T) {
	socket, _ := crowded(t)
	for range 2 { // as many as may wait
		nc, err := net.Dial("unix", socket)
		if err != nil {
			break
		}
		defer nc.Close()
	}
	c := &aesm.Client{Socket: socket, Timeout: 20 * time.Millisecond}
	if _, err := c.Target(t.Context()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, aesm.ErrUnavailable) {
		t.Error(err)
	}
}
