package door

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// testAnswer is what a call of the test returns: nothing that a kernel, or
// another filter, would answer by itself.
func testAnswer(number int) uint64 { return 0x0d00_c1ea_5e00_0000 | uint64(number) }

var errTest = errors.New("unexpected call")

// serveTest answers the calls of test, in their order.
func (s *server) serveTest() error {
	for number := firstCall; number <= lastCall; number++ {
		n, ok, err := s.listener.next()
		if err != nil {
			return err
		}
		if !ok || int(n.thread) != s.tester || int(n.number) != number {
			return errTest
		}
		if err := s.listener.respond(n.id, testAnswer(number)); err != nil {
			return err
		}
	}
	return nil
}

// test makes every call once from this thread, whose filters are those the
// child will have. A stricter filter further out, or a listener that does not
// work, would otherwise show itself as ENOSYS in the child.
func test() error {
	for number := firstCall; number <= lastCall; number++ {
		r, _, errno := unix.Syscall(uintptr(number), 0, 0, 0)
		if errno != 0 {
			return unavailable(fmt.Sprintf("call %d does not arrive: another seccomp filter answers first, as Docker's default profile does; "+
				"run the container with --security-opt seccomp=unconfined", number), errno)
		}
		if uint64(r) != testAnswer(number) {
			return unavailable(fmt.Sprintf("call %d was answered by somebody else", number), nil)
		}
	}
	return nil
}
