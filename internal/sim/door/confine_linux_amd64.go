package door

import "golang.org/x/sys/unix"

// refused are system calls that EGo does not have either (Open Enclave's and
// Edgeless RT's lists of those they dispatch): they fail with ENOSYS. Go's
// runtime and C's start-up code do without, or need none of them. Some would
// undo what the door rests on: a descendant, another user id, another process
// group or a cleared PR_SET_PDEATHSIG outlive this process, and without
// PR_SET_DUMPABLE the child's memory is closed.
var refused = []uint32{
	// Processes, and what is done to them.
	unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_CLONE3, unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_PIDFD_GETFD,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_KCMP,
	unix.SYS_PRCTL, unix.SYS_SETPGID, unix.SYS_SETSID,
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID,
	unix.SYS_SETRESGID, unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS, unix.SYS_CAPSET,

	// The surroundings.
	unix.SYS_SECCOMP, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
	unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN,
	unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,

	// Files and descriptors.
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_PIPE, unix.SYS_PIPE2,
	unix.SYS_SIGNALFD, unix.SYS_SIGNALFD4, unix.SYS_TIMERFD_CREATE,
	unix.SYS_INOTIFY_INIT, unix.SYS_INOTIFY_INIT1, unix.SYS_FANOTIFY_INIT,
	unix.SYS_SENDFILE, unix.SYS_SPLICE, unix.SYS_TEE, unix.SYS_VMSPLICE, unix.SYS_COPY_FILE_RANGE,
	unix.SYS_SYMLINK, unix.SYS_SYMLINKAT, unix.SYS_MKNOD, unix.SYS_MKNODAT,
	unix.SYS_CHOWN, unix.SYS_FCHOWN, unix.SYS_LCHOWN, unix.SYS_FCHOWNAT,
	unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT, unix.SYS_UTIMENSAT, unix.SYS_FALLOCATE,

	// Memory and messages shared with others.
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SEMGET, unix.SYS_MSGGET, unix.SYS_MQ_OPEN,
}

// unheard are the signals that a program could wait for, but under EGo never
// gets. The others are faults, and what Go's runtime and C's threads send
// themselves.
const unheard = 1<<unix.SIGHUP | 1<<unix.SIGINT | 1<<unix.SIGQUIT | 1<<unix.SIGUSR1 | 1<<unix.SIGUSR2 |
	1<<unix.SIGALRM | 1<<unix.SIGTERM | 1<<unix.SIGCHLD | 1<<unix.SIGCONT | 1<<unix.SIGTSTP | 1<<unix.SIGTTIN |
	1<<unix.SIGTTOU | 1<<unix.SIGXCPU | 1<<unix.SIGXFSZ | 1<<unix.SIGVTALRM | 1<<unix.SIGWINCH | 1<<unix.SIGIO | 1<<unix.SIGPWR

const (
	allowed = unix.SECCOMP_RET_ALLOW
	missing = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	ignored = unix.SECCOMP_RET_ERRNO // without an error: it returns 0
)

// confinement is the filter that makes a process as alone as an enclave: it
// starts threads but no process, reaches no other, and hears no signal. Under
// EGo that wait for signals succeeds and nothing comes. The process has the id
// pid, in its own namespace.
func confinement(pid uint32) []unix.SockFilter {
	filter := []unix.SockFilter{load(dataNumber)}
	for _, rule := range []struct {
		number uint32
		block  []unix.SockFilter
	}{
		// glibc makes threads by clone where there is no clone3.
		{unix.SYS_CLONE, []unix.SockFilter{load(dataArg(0)), branch(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1), result(allowed), result(missing)}},
		// Go preempts its threads by signals, and C's abort needs one.
		{unix.SYS_TGKILL, []unix.SockFilter{load(dataArg(0)), branch(unix.BPF_JEQ, pid, 0, 1), result(allowed), result(missing)}},
		// No file in memory, but for what a loader loads.
		{unix.SYS_MMAP, []unix.SockFilter{
			load(dataArg(3)),
			{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: unix.MAP_TYPE | unix.MAP_ANONYMOUS},
			branch(unix.BPF_JEQ, unix.MAP_SHARED, 2, 0),
			branch(unix.BPF_JEQ, unix.MAP_SHARED_VALIDATE, 1, 0),
			result(allowed), result(missing),
		}},
		{unix.SYS_RT_SIGACTION, []unix.SockFilter{
			load(dataArg(1)), branch(unix.BPF_JEQ, 0, 0, 2), // only asked for what is
			load(dataArg(1) + 4), branch(unix.BPF_JEQ, 0, 6, 0),
			load(dataArg(0)), branch(unix.BPF_JGT, 31, 4, 0),
			{Code: unix.BPF_MISC | unix.BPF_TAX},
			{Code: unix.BPF_LD | unix.BPF_IMM, K: 1},
			{Code: unix.BPF_ALU | unix.BPF_LSH | unix.BPF_X},
			branch(unix.BPF_JSET, unheard, 1, 0),
			result(allowed), result(ignored),
		}},
	} {
		filter = append(filter, branch(unix.BPF_JEQ, rule.number, 0, uint8(len(rule.block))))
		filter = append(filter, rule.block...)
	}
	for _, number := range refused {
		filter = append(filter, branch(unix.BPF_JEQ, number, 0, 1), result(missing))
	}
	return append(filter, result(allowed))
}

// branch is a jump over so many instructions.
func branch(condition uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | condition | unix.BPF_K, K: k, Jt: yes, Jf: no}
}
