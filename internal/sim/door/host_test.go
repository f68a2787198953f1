//go:build linux && amd64

package door_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sim/door"
)

// filtered counts the threads of this process that have a seccomp filter, and
// those that gave up new privileges.
func filtered(t testing.TB) (filters, privileges int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(tasks) == 0 {
		t.Fatal("no /proc")
	}
	for _, task := range tasks {
		b, _ := os.ReadFile(task) // a thread may be gone
		if strings.Contains(string(b), "\nSeccomp:\t2\n") {
			filters++
		}
		if strings.Contains(string(b), "\nNoNewPrivs:\t1\n") {
			privileges++
		}
	}
	return filters, privileges
}

// eventually waits for what ends by itself.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for begin := time.Now(); !f(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatal(what)
		}
	}
}

func TestOnlyTheStartingThreadIsFiltered(t *testing.T) {
	base, _ := filtered(t) // that of whoever runs the tests
	if base > 0 {
		t.Skip("the tests are run under a filter")
	}
	eventually(t, "the threads of other tests did not end", func() bool { n, _ := filtered(t); return n == 0 })
	release := make(chan struct{})
	var children []*door.Child
	for range 3 {
		children = append(children, begin(by{t, door.Notify}, door.Config{Handler: func(*door.Call) uint64 { <-release; return 0 }}, "call", "1000"))
		moreThreads(20)
		runtime.GC()
	}
	if n, p := filtered(t); n != len(children) || p != len(children) {
		t.Errorf("%d threads have a filter and %d no new privileges, for %d children", n, p, len(children))
	}
	close(release)
	for _, c := range children {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "a filtered thread remains", func() bool { n, p := filtered(t); return n == 0 && p == 0 })
}

// moreThreads has the runtime make n threads, which end.
func moreThreads(n int) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			ready.Wait()
		})
	}
	done.Wait()
}

// A program whose main goroutine is all over the place: the first thread must
// stay free, since it cannot end.
func TestFirstThreadIsSpared(t *testing.T) {
	eachDoor(t, func(t by) {
		for range 20 {
			if _, err := run(t, serve, "nothing"); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile("/proc/self/status") // of the first thread
		if err != nil || strings.Contains(string(b), "\nSeccomp:\t2\n") || strings.Contains(string(b), "\nNoNewPrivs:\t1\n") {
			t.Errorf("the first thread was filtered: %v", err)
		}
	})
}

// Traps need no filter here.
func TestTrapsFilterTheChildAlone(t *testing.T) {
	base, _ := filtered(t)
	eventually(t, "the threads of other tests did not end", func() bool { n, _ := filtered(t); return n <= base })
	_, err := run(by{t, door.Trap}, func(*door.Call) uint64 {
		if n, _ := filtered(t); n > base {
			t.Errorf("%d threads have a filter", n)
		}
		return 0
	}, "call", "1000")
	if err != nil {
		t.Error(err)
	}
}

func TestNothingLeaks(t *testing.T) {
	eachDoor(t, func(t by) {
		launch := func(n int) {
			for range n {
				if out, err := run(t, serve, "storm", "4", "2"); err != nil || out != "intact" {
					t.Fatalf("%v: %.300s", err, out)
				}
				if _, err := door.Start(t.Context(), door.Config{Path: "/nonexistent", Handler: serve}); err == nil {
					t.Fatal("started nothing")
				}
				if _, err := run(t, func(*door.Call) uint64 { runtime.Goexit(); return 0 }, "call", "1000"); err == nil {
					t.Fatal("not killed")
				}
			}
		}
		count := func(dir string) int {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			return len(entries)
		}
		launch(5)
		moreThreads(1)
		eventually(t, "filtered threads remain", func() bool { n, _ := filtered(t); return n == 0 })
		time.Sleep(50 * time.Millisecond)
		goroutines, descriptors, threads := runtime.NumGoroutine(), count("/proc/self/fd"), count("/proc/self/task")
		launch(20)
		eventually(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= goroutines })
		eventually(t, "descriptors are left", func() bool { return count("/proc/self/fd") <= descriptors })
		eventually(t, "threads are left", func() bool { return count("/proc/self/task") <= threads+10 }) // the runtime keeps some idle
	})
}
