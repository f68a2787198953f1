package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// preempt collects garbage while another goroutine never yields.
func preempt([]string) {
	go func() {
		for i := 0; ; i++ {
		}
	}()
	time.Sleep(time.Millisecond)
	runtime.GC()
	fmt.Print("preempted")
}

// fault recovers from a fault of memory.
func fault([]string) {
	defer func() {
		if recover() != nil {
			fmt.Print("recovered")
		}
	}()
	fmt.Print(**new(*int))
}

// network sends a file through two connections and back.
func network([]string) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	go func() {
		for {
			c := must(l.Accept())
			go func() { io.Copy(c, c); c.(*net.TCPConn).CloseWrite() }() // splices
		}
	}()
	c := must(net.Dial("tcp", l.Addr().String())).(*net.TCPConn)
	sent := must(os.ReadFile("/proc/self/cmdline"))
	go func() { io.Copy(c, must(os.Open("/proc/self/cmdline"))); c.CloseWrite() }() // sends a file
	if got := must(io.ReadAll(c)); !bytes.Equal(got, sent) {
		panic(fmt.Sprintf("%q is not %q", got, sent))
	}
	fmt.Print("echoed")
}

// copies copies a file.
func copies([]string) {
	name := fmt.Sprintf("%s/door-copy-%d", os.TempDir(), os.Getpid())
	defer os.Remove(name)
	file := must(os.Create(name))
	must(io.Copy(file, must(os.Open("/proc/self/cmdline"))))
	if again := must(os.Create(name + "-2")); must(io.Copy(again, must(os.Open(name)))) == 0 {
		panic("nothing")
	}
	os.Remove(name + "-2")
	fmt.Print("copied")
}

// profile samples by timers and signals.
func profile([]string) {
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		panic(err)
	}
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; {
	}
	pprof.StopCPUProfile()
	fmt.Print("profiled")
}

// deaf listens for all signals and prints the one that comes, of two.
func deaf([]string) {
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGURG)
	runtime.LockOSThread()
	for _, s := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG} {
		if err := syscall.Tgkill(syscall.Getpid(), syscall.Gettid(), s); err != nil {
			panic(err)
		}
	}
	fmt.Print("heard ", <-c)
}
