//go:build linux && amd64

package door_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sim/door"
	"golang.org/x/sys/unix"
)

func Example() {
	child, err := door.Start(context.Background(), door.Config{
		Path:   probe(),
		Args:   []string{"probe", "call", "1006", "7"}, // prints what the call returns
		Stdout: os.Stdout,
		Handler: func(c *door.Call) uint64 {
			return uint64(c.Number) + c.Args[0]
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(child.Wait())
	// Output:
	// 1013 0
	// <nil>
}

func TestEveryCall(t *testing.T) {
	eachDoor(t, func(t by) {
		var want strings.Builder
		for n := 1000; n <= 1009; n++ {
			fmt.Fprintln(&want, n, n<<32|5, 0)
		}
		out, err := run(t, func(c *door.Call) uint64 {
			n := uint64(c.Number)
			if c.Args != [6]uint64{n<<8 | 1, n<<8 | 2, n<<8 | 3, n<<8 | 4, n<<8 | 5, n<<8 | 6 | 1<<63} {
				t.Errorf("call %d came with %#x", n, c.Args)
			}
			return n<<32 | 5
		}, "calls")
		if err != nil || out != want.String() {
			t.Errorf("%v, the child saw\n%swant\n%s", err, out, &want)
		}
	})
}

func TestOtherNumbersAreTheKernels(t *testing.T) {
	eachDoor(t, func(t by) {
		for _, number := range []string{"999", "1010", "500"} {
			out, err := run(t, func(c *door.Call) uint64 {
				t.Errorf("the handler was asked for %d", c.Number)
				return 0
			}, "call", number)
			if _, errno, _ := strings.Cut(strings.TrimSpace(out), " "); err != nil || errno != fmt.Sprint(int(syscall.ENOSYS)) {
				t.Errorf("call %s: %q, %v", number, out, err)
			}
		}
	})
}

func TestForeignCallsKill(t *testing.T) {
	eachDoor(t, func(t by) {
		for _, number := range []string{"0x400003e8", "0x400003f1", "0x40000027", "0x40000221"} { // 1000, 1009, getpid and execveat of the x32 ABI
			out, err := run(t, func(*door.Call) uint64 { return 0 }, "call", number)
			if out != "" || signalOf(err) != syscall.SIGSYS {
				t.Errorf("call %s: %q, %v", number, out, err)
			}
		}
	})
}

func signalOf(err error) syscall.Signal {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	return exit.Sys().(syscall.WaitStatus).Signal()
}

func TestManyGoroutines(t *testing.T) {
	eachDoor(t, func(t by) {
		rounds := "60"
		if testing.Short() {
			rounds = "20"
		}
		out, err := run(t, serve, "storm", "64", rounds)
		if err != nil || out != "intact" {
			t.Errorf("%v: %.300s", err, out)
		}
	})
}

func TestCgoProgram(t *testing.T) {
	eachDoor(t, func(t by) {
		var out strings.Builder
		err := begin(t, door.Config{Path: probeWithC(t), Stdout: &out, Stderr: &out, Handler: serve}, "storm", "32", "20").Wait()
		if err != nil || out.String() != "intact" {
			t.Errorf("%v: %.300s", err, out.String())
		}
	})
}

func TestSlowCallsHoldUpNobody(t *testing.T) {
	eachDoor(t, func(t by) {
		seen := make(chan struct{})
		out, err := run(t, func(c *door.Call) uint64 {
			if c.Number == 1000 {
				<-seen // until another thread's call
			} else {
				close(seen)
			}
			return 0
		}, "exit", "5")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 5 {
			t.Errorf("%q, %v", out, err)
		}
	})
}

func TestMoreSlowCallsThanWorkers(t *testing.T) {
	eachDoor(t, func(t by) {
		var asked atomic.Int32
		all := make(chan struct{})
		before := runtime.NumGoroutine()
		out, err := run(t, func(c *door.Call) uint64 {
			if c.Number == 1005 { // the last
				eventually(t, "there are still as many workers", func() bool { return runtime.NumGoroutine() < before+30 })
				return 0
			}
			if n := asked.Add(1); n == 64 {
				close(all) // at once, the rest after
			}
			<-all
			return 0
		}, "crowd", "100")
		if err != nil || asked.Load() != 100 {
			t.Errorf("%q, %v, %d calls", out, err, asked.Load())
		}
	})
}

func TestChildEndsInMidCall(t *testing.T) {
	eachDoor(t, func(t by) {
		entered, ended, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
		handler := func(c *door.Call) uint64 {
			if c.Number == 1001 {
				<-entered
				return 0
			}
			defer close(finished)
			held, err := c.Alloc(100)
			if err != nil {
				t.Error(err)
			}
			close(entered)
			<-ended
			if _, err := c.Read(held, 100); !errors.Is(err, door.ErrGone) {
				t.Errorf("reading a dead child: %v", err)
			}
			if err := c.Write(held, []byte("x")); !errors.Is(err, door.ErrGone) {
				t.Errorf("writing to a dead child: %v", err)
			}
			if _, err := c.Alloc(1); err == nil {
				t.Error("there is still memory in a dead child")
			}
			if c.Free(held) {
				t.Error("there is still something to free in a dead child")
			}
			return 0
		}
		child := begin(t, door.Config{Handler: handler}, "exit", "7")
		err := child.Wait()
		close(ended)
		<-finished
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("the child ended with %v, want status 7", err)
		}
	})
}

func TestBadHandlerKills(t *testing.T) {
	eachDoor(t, func(t by) {
		for name, handler := range map[string]func(*door.Call) uint64{
			"panic":           func(*door.Call) uint64 { panic("no") },
			"nil dereference": func(*door.Call) uint64 { return **new(*uint64) },
			"Goexit":          func(*door.Call) uint64 { runtime.Goexit(); return 0 },
			"ENOSYS":          func(*door.Call) uint64 { return 1<<64 - 38 },
			"EPERM":           func(*door.Call) uint64 { return 1<<64 - 1 },
			"errno 4095":      func(*door.Call) uint64 { return 1<<64 - 4095 },
		} {
			out, err := run(t, handler, "call", "1003")
			if err == nil || signalOf(err) != 0 || !strings.Contains(err.Error(), "door: the child was killed: the handler") {
				t.Errorf("%s: the child ended with %v", name, err)
			}
			if out != "" {
				t.Errorf("%s: the child went on and saw %q", name, out)
			}
		}
	})
}

func TestLargeAnswer(t *testing.T) {
	eachDoor(t, func(t by) {
		const largest = 1<<64 - 4096
		if out, err := run(t, func(*door.Call) uint64 { return largest }, "call", "1003"); err != nil || out != fmt.Sprintln(uint64(largest), 0) {
			t.Errorf("%q, %v", out, err)
		}
	})
}

// A signal must not have a call made again, nor lose its answer.
func TestSignalsDoNotRepeatCalls(t *testing.T) {
	eachDoor(t, func(t by) {
		var asked atomic.Int32
		out, err := run(t, func(*door.Call) uint64 {
			asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			return 9
		}, "signals")
		if err != nil || out != "9 0\n" || asked.Load() != 1 {
			t.Errorf("%q, %v, asked %d times", out, err, asked.Load())
		}
	})
}

func TestTwoChildren(t *testing.T) {
	eachDoor(t, func(t by) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if out, err := run(t, serve, "storm", "8", "50"); err != nil || out != "intact" {
					t.Errorf("%v: %.300s", err, out)
				}
			})
		}
		wg.Wait()
	})
}

// As under EGo, SIGTERM ends a program whatever it would do about it.
func TestStop(t *testing.T) {
	eachDoor(t, func(t by) {
		child, _ := waiting(t)
		if err := child.Stop(t.Context()); signalOf(err) != syscall.SIGTERM {
			t.Errorf("a program that waits for SIGTERM: %v", err)
		}
		signal.Ignore(syscall.SIGTERM) // which is inherited
		child, ctx := waiting(t)
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM) // which Reset alone does not undo
		signal.Stop(c)
		if err := child.Stop(ctx); signalOf(err) != syscall.SIGKILL {
			t.Errorf("a stubborn program: %v, want SIGKILL", err)
		}
		if err := child.Stop(t.Context()); signalOf(err) != syscall.SIGKILL {
			t.Errorf("once more: %v", err)
		}
	})
}

// waiting is a child that listens for SIGTERM, and a short time.
func waiting(t by) (*door.Child, context.Context) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	child := begin(t, door.Config{Stdout: w, Handler: serve}, "term")
	r.Read(make([]byte, 6))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return child, ctx
}

func TestContextKills(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	blocked := make(chan struct{})
	defer close(blocked)
	child, err := door.Start(ctx, door.Config{Path: probe(), Args: []string{"probe", "call", "1000"},
		Handler: func(*door.Call) uint64 { cancel(); <-blocked; return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); !errors.Is(err, context.Canceled) && signalOf(err) != syscall.SIGKILL {
		t.Errorf("the child ended with %v", err)
	}
	if _, err := door.Start(ctx, door.Config{Path: probe(), Handler: serve}); !errors.Is(err, context.Canceled) {
		t.Errorf("a start too late: %v", err)
	}
}

func TestWhatTheChildGets(t *testing.T) {
	eachDoor(t, func(t by) {
		if out, err := run(t, serve, "environ"); err != nil || out != "[]" {
			t.Errorf("without an environment: %s, %v", out, err)
		}
		var out, errs strings.Builder
		err := begin(t, door.Config{Env: []string{"A=1", "B=2"}, Stdout: &out, Handler: serve}, "environ").Wait()
		if err != nil || out.String() != `["A=1" "B=2"]` {
			t.Errorf("with an environment: %s, %v", &out, err)
		}
		out.Reset()
		err = begin(t, door.Config{Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &errs, Handler: serve}, "cat").Wait()
		if err != nil || out.String() != "input" || errs.String() != "done" {
			t.Errorf("%q and %q, %v", &out, &errs, err)
		}
		leaked, err := unix.FcntlInt(0, unix.F_DUPFD, 100) // not close-on-exec
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(leaked)
		if out, err := run(t, serve, "descriptors"); err != nil || out != "" {
			t.Errorf("descriptors: %s, %v", out, err)
		}
	})
}

func TestStartErrors(t *testing.T) {
	data := t.TempDir() + "/data"
	if err := os.WriteFile(data, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config door.Config
		want   error
	}{
		"zero":           {door.Config{}, nil},
		"no handler":     {door.Config{Path: probe()}, nil},
		"no such file":   {door.Config{Path: "/nonexistent", Handler: serve}, fs.ErrNotExist},
		"no path lookup": {door.Config{Path: "true", Handler: serve}, fs.ErrNotExist},
		"not executable": {door.Config{Path: data, Handler: serve}, fs.ErrPermission},
	} {
		child, err := door.Start(t.Context(), test.config)
		if err == nil || child != nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, door.ErrUnavailable) {
			t.Errorf("%s: blames the system: %v", name, err)
		}
	}
}
