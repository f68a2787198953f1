package ocall_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/ratio"
	"github.com/cleave-sdk/cleave/ocall"
)

// BenchmarkRatioEcho is the time that a call of 64 bytes takes, in terms of the
// time that the same bytes take on the bare socket. Both halves have one
// processor each.
func BenchmarkRatioEcho(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	dir := startPeer(b)
	conn, raw := dialPeer(b, dir), dialRaw(b, dir)
	buf := make([]byte, 64)
	ratio.Report(b, repeat(1000, func() error {
		_, err := echo.Call(context.Background(), conn, buf)
		return err
	}), repeat(1000, raw))
}

// BenchmarkRatioEchoStruct is the same for a struct of five fields.
func BenchmarkRatioEchoStruct(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	dir := startPeer(b)
	conn, raw := dialPeer(b, dir), dialRaw(b, dir)
	s := sample{ID: 1 << 40, Name: "a blob of some name", Size: 4096, Valid: true, Data: make([]byte, 16)}
	ratio.Report(b, repeat(1000, func() error {
		_, err := echoSample.Call(context.Background(), conn, s)
		return err
	}), repeat(1000, raw))
}

func dialRaw(b *testing.B, dir string) func() error {
	c, err := net.Dial("unix", filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	buf := make([]byte, 64)
	return func() error {
		c.Write(buf)
		_, err := io.ReadFull(c, buf)
		return err
	}
}

func repeat(n int, f func() error) func() {
	return func() {
		for range n {
			if err := f(); err != nil {
				panic(err)
			}
		}
	}
}

// burden has so many callers make n calls each.
func burden(t testing.TB, conn *ocall.Conn, callers, n int) {
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			buf := make([]byte, 64)
			for range n {
				if _, err := echo.Call(context.Background(), conn, buf); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
