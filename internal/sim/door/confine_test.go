//go:build linux && amd64

package door_test

import (
	"errors"
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
			"a hidden thread":   {unix.SYS_CLONE, unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_VM | unix.CLONE_UNTRACED},

			// What is done to others of the same user.
			"limits of another":    {unix.SYS_PRLIMIT64, os.Getpid(), unix.RLIMIT_NOFILE, 0, 0},
			"sched_setaffinity":    {unix.SYS_SCHED_SETAFFINITY, os.Getpid(), 0, 0},
			"sched_setscheduler":   {unix.SYS_SCHED_SETSCHEDULER, os.Getpid(), 0, 0},
			"sched_setparam":       {unix.SYS_SCHED_SETPARAM, os.Getpid(), 0},
			"sched_setattr":        {unix.SYS_SCHED_SETATTR, os.Getpid(), 0, 0},
			"setpriority":          {unix.SYS_SETPRIORITY, unix.PRIO_USER, 0, 0},
			"ioprio_set":           {unix.SYS_IOPRIO_SET, 1, os.Getpid(), 0},
			"migrate_pages":        {unix.SYS_MIGRATE_PAGES, os.Getpid(), 0, 0, 0},
			"move_pages":           {unix.SYS_MOVE_PAGES, os.Getpid(), 0, 0, 0, 0, 0},
			"get_robust_list":      {unix.SYS_GET_ROBUST_LIST, os.Getpid(), 0, 0},
			"process_madvise":      {unix.SYS_PROCESS_MADVISE},
			"pidfd_getfd":          {unix.SYS_PIDFD_GETFD},
			"add_key":              {unix.SYS_ADD_KEY, 0, 0, 0, 0, 0},
			"request_key":          {unix.SYS_REQUEST_KEY, 0, 0, 0, 0},
			"keyctl":               {unix.SYS_KEYCTL, 0, uint64(1<<64 - 3)},
			"bpf":                  {unix.SYS_BPF},
			"perf_event_open":      {unix.SYS_PERF_EVENT_OPEN},
			"userfaultfd":          {unix.SYS_USERFAULTFD, 1},
			"name_to_handle_at":    {unix.SYS_NAME_TO_HANDLE_AT},
			"open_by_handle_at":    {unix.SYS_OPEN_BY_HANDLE_AT},
			"syslog":               {unix.SYS_SYSLOG, 3, 0, 0},
			"quotactl":             {unix.SYS_QUOTACTL},
			"reboot":               {unix.SYS_REBOOT},
			"kexec_load":           {unix.SYS_KEXEC_LOAD},
			"swapon":               {unix.SYS_SWAPON},
			"acct":                 {unix.SYS_ACCT, 0},
			"clock_settime":        {unix.SYS_CLOCK_SETTIME, 99, 0},
			"adjtimex":             {unix.SYS_ADJTIMEX, 0},
			"sethostname":          {unix.SYS_SETHOSTNAME, 0, 0},
			"iopl":                 {unix.SYS_IOPL, 0},
			"init_module":          {unix.SYS_INIT_MODULE},
			"personality":          {unix.SYS_PERSONALITY, uint64(0xffffffff)},
			"landlock":             {unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1},
			"mbind":                {unix.SYS_MBIND},
			"what no kernel knows": {4000},
		} {
			if out, err := run(t, serve, numbers(call)...); err != nil || errnoOf(out) != syscall.ENOSYS {
				t.Errorf("%s: %q, %v", name, out, err)
			}
		}
	})
}

// By a descriptor it could type into the terminal that this process is at, and
// have any signal sent to any process of this user.
func TestRefusedRequests(t *testing.T) {
	eachDoor(t, func(t by) {
		pid := os.Getpid()
		for name, row := range map[string]struct {
			call []any
			want syscall.Errno
		}{
			"typing":                       {[]any{unix.SYS_IOCTL, 0, unix.TIOCSTI, 0}, syscall.ENOTTY},
			"that, with high bits":         {[]any{unix.SYS_IOCTL, 0, 1<<32 | unix.TIOCSTI, 0}, syscall.ENOTTY},
			"pasting":                      {[]any{unix.SYS_IOCTL, 0, unix.TIOCLINUX, 0}, syscall.ENOTTY},
			"taking the terminal":          {[]any{unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0}, syscall.ENOTTY},
			"the terminal's settings":      {[]any{unix.SYS_IOCTL, 0, unix.TCSETS, 0}, syscall.ENOTTY},
			"the terminal's group":         {[]any{unix.SYS_IOCTL, 0, unix.TIOCSPGRP, 0}, syscall.ENOTTY},
			"signals, by ioctl":            {[]any{unix.SYS_IOCTL, 0, 0x5452, 0}, syscall.ENOTTY}, // FIOASYNC
			"to whom, of sockets":          {[]any{unix.SYS_IOCTL, 0, 0x8901, 0}, syscall.ENOTTY}, // FIOSETOWN
			"to which group, of sockets":   {[]any{unix.SYS_IOCTL, 0, unix.SIOCSPGRP, 0}, syscall.ENOTTY},
			"to whom, of files":            {[]any{unix.SYS_FCNTL, 0, unix.F_SETOWN, pid}, syscall.EINVAL},
			"to whom exactly":              {[]any{unix.SYS_FCNTL, 0, unix.F_SETOWN_EX, 0}, syscall.EINVAL},
			"which signal":                 {[]any{unix.SYS_FCNTL, 0, unix.F_SETSIG, 9}, syscall.EINVAL},
			"signals, by fcntl":            {[]any{unix.SYS_FCNTL, 0, unix.F_SETFL, unix.O_ASYNC}, syscall.EINVAL},
			"signals, among other flags":   {[]any{unix.SYS_FCNTL, 0, unix.F_SETFL, unix.O_ASYNC | unix.O_NONBLOCK}, syscall.EINVAL},
			"signals of leases":            {[]any{unix.SYS_FCNTL, 0, unix.F_SETLEASE, 0}, syscall.EINVAL},
			"signals of directories":       {[]any{unix.SYS_FCNTL, 0, unix.F_NOTIFY, 0}, syscall.EINVAL},
			"a command with high bits set": {[]any{unix.SYS_FCNTL, 0, 1<<32 | unix.F_SETOWN, pid}, syscall.EINVAL},
		} {
			var out strings.Builder
			err := begin(t, door.Config{Stdout: &out, Stdin: terminal(t), Handler: serve}, numbers(row.call)...).Wait()
			if err != nil || errnoOf(out.String()) != row.want {
				t.Errorf("%s: %q, %v; want %v", name, &out, err, row.want)
			}
		}
	})
}

// terminal is one that nobody is at.
func terminal(t by) *os.File {
	t.Helper()
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { controller.Close() })
	number, err1 := unix.IoctlGetInt(int(controller.Fd()), unix.TIOCGPTN)
	err2 := unix.IoctlSetPointerInt(int(controller.Fd()), unix.TIOCSPTLCK, 0)
	end, err3 := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { end.Close() })
	return end
}

// A directory would lead out of whatever root the child has.
func TestStreamsAreNoDirectories(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, c := range map[string]door.Config{"Stdin": {Stdin: dir}, "Stdout": {Stdout: dir}, "Stderr": {Stderr: dir}} {
		c.Path, c.Handler = probe(), serve
		child, err := door.Start(t.Context(), c)
		if err == nil || child != nil || !strings.HasPrefix(err.Error(), "door: "+name+" is a directory") {
			t.Errorf("%s: %v", name, err)
		}
	}
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
			"limits of one's own":    {unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, 0, 0},
			"flags of a descriptor":  {unix.SYS_FCNTL, 0, unix.F_SETFL, unix.O_NONBLOCK},
			"a descriptor's double":  {unix.SYS_FCNTL, 0, unix.F_DUPFD_CLOEXEC, 3},
			"closing on exec":        {unix.SYS_IOCTL, 0, 0x5451, 0}, // FIOCLEX
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
