package door

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The order of the numbers is the order of the ends; see leash.
func TestLeash(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	k, l, err := newLeash(listener(fd))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if !(k.reader < int(l) && int(l) < k.writer) {
		t.Errorf("reader %d, listener %d, writer %d", k.reader, l, k.writer)
	}
	for _, fd := range []int{k.reader, int(l), k.writer} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is inherited; %v", fd, err)
		}
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	if err := k.tie(cmd.Process.Pid); err != nil {
		cmd.Process.Kill()
		t.Fatal(err)
	}
	unix.Close(k.writer)
	err = cmd.Wait()
	unix.Close(k.reader)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the process ended with %v, want SIGKILL", err)
	}
}
