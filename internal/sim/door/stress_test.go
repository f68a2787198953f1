//go:build linux && amd64

package door_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sim/door"
)

// The memory of this process does not grow with the calls it answers.
func TestMemoryIsFlat(t *testing.T) {
	eachDoor(t, func(t by) {
		const calls, warm = 10_000, 2_000
		var asked atomic.Int32
		var before, after atomic.Uint64
		out, err := run(t, func(c *door.Call) uint64 {
			switch asked.Add(1) {
			case warm:
				before.Store(heap())
			case calls:
				after.Store(heap())
			}
			return serve(c)
		}, "storm", "64", fmt.Sprint(calls/64/2+1))
		if err != nil || out != "intact" || asked.Load() < calls {
			t.Fatalf("%v after %d calls: %.300s", err, asked.Load(), out)
		}
		if after.Load() > before.Load()+2<<20 {
			t.Errorf("%d bytes in use after %d calls, %d after %d", after.Load(), calls, before.Load(), warm)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestChildKilledInMidCall(t *testing.T) {
	eachDoor(t, func(t by) {
		for range 20 {
			entered, ended, finished := make(chan uint64), make(chan struct{}), make(chan error)
			child := begin(t, door.Config{Handler: func(c *door.Call) uint64 {
				addr, err := c.Alloc(100)
				if err != nil {
					t.Error(err)
				}
				entered <- addr
				<-ended
				_, err = c.Read(addr, 100)
				finished <- err
				return 0
			}}, "call", "1000")
			<-entered
			syscall.Kill(child.Pid(), syscall.SIGKILL)
			if err := child.Wait(); signalOf(err) != syscall.SIGKILL {
				t.Errorf("the child ended with %v", err)
			}
			close(ended)
			if err := <-finished; !errors.Is(err, door.ErrGone) {
				t.Errorf("reading a dead child: %v", err)
			}
		}
	})
}

// A handler that never returns keeps its own caller and nobody else.
func TestAHandlerForEver(t *testing.T) {
	eachDoor(t, func(t by) {
		never := make(chan struct{})
		defer close(never)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		child := begin(t, door.Config{Stdout: w, Handler: func(c *door.Call) uint64 {
			if c.Number == 1000 {
				<-never
			}
			return 1
		}}, "lonely")
		w.Close()
		if n, err := r.Read(make([]byte, 100)); n != len("ready\n") {
			t.Errorf("the others were not answered: %v", err)
		}
		r.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := child.Stop(ctx); signalOf(err) != syscall.SIGTERM {
			t.Errorf("the child ended with %v", err)
		}
	})
}

// SIGSTOP and SIGCONT work, as for any process.
func TestStoppedAndContinued(t *testing.T) {
	eachDoor(t, func(t by) {
		var asked atomic.Int32
		child := begin(t, door.Config{Handler: func(*door.Call) uint64 { asked.Add(1); return 0 }}, "tick")
		goesOn := func() {
			n := asked.Load()
			eventually(t, "the child makes no calls", func() bool { return asked.Load() > n+2 })
		}
		for range 3 {
			goesOn()
			syscall.Kill(child.Pid(), syscall.SIGSTOP)
			eventually(t, "the child does not stop", func() bool { s := state(child.Pid()); return s == 'T' || s == 't' })
			n := asked.Load()
			time.Sleep(30 * time.Millisecond)
			if more := asked.Load() - n; more > 1 { // which was under way
				t.Errorf("%d calls while the child was stopped", more)
			}
			syscall.Kill(child.Pid(), syscall.SIGCONT)
		}
		goesOn()
		syscall.Kill(child.Pid(), syscall.SIGSTOP)
		syscall.Kill(child.Pid(), syscall.SIGKILL)
		if err := child.Wait(); signalOf(err) != syscall.SIGKILL {
			t.Errorf("the child ended with %v", err)
		}
	})
}

// Threads that end leave nothing behind while the child lives.
func TestThreadsEnd(t *testing.T) {
	eachDoor(t, func(t by) {
		var child *door.Child
		started := make(chan struct{})
		var left atomic.Int32
		child = begin(t, door.Config{Handler: func(c *door.Call) uint64 {
			if c.Number == 1000 {
				<-started
				tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", child.Pid()))
				left.Store(int32(len(tasks)))
			}
			return 0
		}}, "threads", "200")
		close(started)
		if err := child.Wait(); err != nil || left.Load() == 0 || left.Load() > 50 {
			t.Errorf("%v, with %d threads", err, left.Load())
		}
	})
}

// TestRandomCalls does with the arguments what a runtime would, and worse.
func TestRandomCalls(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("DOOR_SEED"), 0, 64); err == nil {
		seed = s
	}
	calls := "4000"
	if n := os.Getenv("DOOR_CALLS"); n != "" {
		calls = n
	}
	eachDoor(t, func(t by) {
		out, err := run(t, func(c *door.Call) uint64 {
			b, err := c.Read(c.Args[0], int(c.Args[1]))
			if err == nil {
				c.Write(c.Args[2], b[:min(len(b), 1<<15)])
			} else if !errors.Is(err, door.ErrFault) {
				t.Errorf("reading %d bytes at %#x: %v", int(c.Args[1]), c.Args[0], err)
			}
			if addr, err := c.Alloc(int(c.Args[3])); err == nil && c.Args[4]%2 == 0 && !c.Free(addr) {
				t.Errorf("freeing %#x", addr)
			} else if err != nil && !errors.Is(err, door.ErrExhausted) {
				t.Errorf("%d bytes: %v", int(c.Args[3]), err)
			}
			if c.Free(c.Args[5]) {
				t.Logf("guessed %#x", c.Args[5])
			}
			return 5
		}, "fuzz", fmt.Sprint(seed), calls)
		if err != nil || !strings.HasPrefix(out, "survived") {
			t.Errorf("seed %d: %.500s, %v", seed, out, err)
		}
	})
}
