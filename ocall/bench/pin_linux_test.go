package bench_test

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// pin has this process run on one processor of those it may: its first or its
// second. Where the kernel puts two processes from moment to moment would
// otherwise decide what is measured.
func pin(number int) (undo func(), err error) {
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return nil, err
	}
	if may.Count() < 2 {
		return func() {}, nil
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if may.IsSet(cpu) {
			if number--; number < 0 {
				one.Set(cpu)
			}
		}
	}
	return func() { run(&may) }, run(&one)
}

// run has all threads of this process run there.
func run(on *unix.CPUSet) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, on); err != nil {
			return err
		}
	}
	return nil
}
