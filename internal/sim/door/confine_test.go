//go:build linux && amd64

package door_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim/door"
	"golang.org/x/sys/unix"
)

func TestRefusedCalls(t *testing.T) {
	eachDoor(t, func(t by) {
		for name, call := range map[string][]any{
			"fork":              {unix.SYS_FORK},
			"vfork":             {unix.SYS_VFORK},
			"clone":             {unix.SYS_CLONE, unix.SIGCHLD},
			"clone3":            {unix.SYS_CLONE3},
			"execve":            {unix.SYS_EXECVE},
			"execveat":          {unix.SYS_EXECVEAT},
			"kill":              {unix.SYS_KILL, os.Getpid(), 0},
			"tkill":             {unix.SYS_TKILL, os.Getpid(), 0},
			"tgkill":            {unix.SYS_TGKILL, os.Getpid(), os.Getpid(), 0},
			"sigqueue":          {unix.SYS_RT_SIGQUEUEINFO},
			"pidfd_open":        {unix.SYS_PIDFD_OPEN, os.Getpid(), 0},
			"pidfd_send_signal": {unix.SYS_PIDFD_SEND_SIGNAL},
			"process_vm_readv":  {unix.SYS_PROCESS_VM_READV},
			"process_vm_writev": {unix.SYS_PROCESS_VM_WRITEV},
			"ptrace":            {unix.SYS_PTRACE},
			"prctl":             {unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0},
			"seccomp":           {unix.SYS_SECCOMP},
			"setuid":            {unix.SYS_SETUID, os.Getuid()},
			"setresgid":         {unix.SYS_SETRESGID, os.Getgid(), os.Getgid(), os.Getgid()},
			"capset":            {unix.SYS_CAPSET},
			"setpgid":           {unix.SYS_SETPGID, 0, os.Getpid()},
			"setsid":            {unix.SYS_SETSID},
			"unshare":           {unix.SYS_UNSHARE},
			"setns":             {unix.SYS_SETNS},
			"mount":             {unix.SYS_MOUNT},
			"umount2":           {unix.SYS_UMOUNT2},
			"pivot_root":        {unix.SYS_PIVOT_ROOT},
			"chroot":            {unix.SYS_CHROOT},
			"fsopen":            {unix.SYS_FSOPEN},
			"io_uring_setup":    {unix.SYS_IO_URING_SETUP},
			"memfd_create":      {unix.SYS_MEMFD_CREATE},
			"pipe":              {unix.SYS_PIPE},
			"pipe2":             {unix.SYS_PIPE2},
			"signalfd4":         {unix.SYS_SIGNALFD4},
			"symlink":           {unix.SYS_SYMLINK},
			"shmget":            {unix.SYS_SHMGET},
			"a file in memory":  {unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_SHARED, 0},
			"that, validated":   {unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_SHARED_VALIDATE, 0},
		} {
			if out, err := run(t, serve, numbers(call)...); err != nil || errnoOf(out) != syscall.ENOSYS {
				t.Errorf("%s: %q, %v", name, out, err)
			}
		}
	})
}

// What looks like it and is needed.
func TestAllowedCalls(t *testing.T) {
	eachDoor(t, func(t by) {
		for name, call := range map[string][]any{
			"memory of one's own":    {unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, uint64(1<<64 - 1)},
			"memory of all threads":  {unix.SYS_MMAP, 0, 4096, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_ANONYMOUS, uint64(1<<64 - 1)},
			"eventfd":                {unix.SYS_EVENTFD2, 0, 0},
			"epoll_create":           {unix.SYS_EPOLL_CREATE1, 0},
			"membarrier":             {unix.SYS_MEMBARRIER, 0},
			"asking for a handler":   {unix.SYS_RT_SIGACTION, unix.SIGTERM, 0, 0, 8},
			"a handler that is none": {unix.SYS_RT_SIGACTION, unix.SIGTERM, 1, 0, 8}, // ignored, so not even read
		} {
			if out, err := run(t, serve, numbers(call)...); err != nil || errnoOf(out) != 0 {
				t.Errorf("%s: %q, %v", name, out, err)
			}
		}
		out, err := run(t, serve, numbers([]any{unix.SYS_RT_SIGACTION, unix.SIGSEGV, 1, 0, 8})...)
		if err != nil || errnoOf(out) != syscall.EFAULT {
			t.Errorf("a handler that Go needs: %q, %v", out, err)
		}
	})
}

func numbers(call []any) []string {
	args := []string{"call"}
	for _, n := range call {
		args = append(args, fmt.Sprintf("%d", n))
	}
	return args
}

// errnoOf is what the probe's call printed.
func errnoOf(out string) syscall.Errno {
	var r uint64
	errno := -1
	fmt.Sscan(out, &r, &errno)
	return syscall.Errno(errno)
}

func TestChildStartsNoProcess(t *testing.T) {
	eachDoor(t, func(t by) {
		for _, mode := range []string{"spawn", "reexec"} {
			if out, err := run(t, serve, mode, "call", "1000"); err != nil || !strings.HasSuffix(out, "function not implemented") {
				t.Errorf("%s: %q, %v", mode, out, err)
			}
		}
	})
}

// What Go and C do by themselves goes on under the confinement.
func TestRuntimesWork(t *testing.T) {
	for name, exe := range map[string]string{"go": probe(), "c": probeWithC(t)} {
		eachDoor(t, func(t by) {
			for mode, want := range map[string]string{
				"preempt": "preempted",        // by SIGURG
				"fault":   "recovered",        // from SIGSEGV
				"network": "echoed",           // with poller, splice and sendfile
				"profile": "profiled",         // by SIGPROF and timers
				"deaf":    "heard urgent I/O", // and not SIGWINCH
				"copy":    "copied",
			} {
				var out strings.Builder
				err := begin(t, door.Config{Path: exe, Stdout: &out, Stderr: &out, Handler: serve}, mode).Wait()
				if err != nil || !strings.HasPrefix(out.String(), want) {
					t.Errorf("%s, %s: %.300q, %v; want %s", name, mode, out.String(), err, want)
				}
			}
		})
	}
}

// A crash ends the process as it does everywhere.
func TestCrash(t *testing.T) {
	eachDoor(t, func(t by) {
		out, err := run(t, serve, "crash")
		if err == nil || !strings.Contains(out, "nil pointer dereference") {
			t.Errorf("%.300s, %v", out, err)
		}
	})
}
