package door

import (
	"slices"

	"golang.org/x/sys/unix"
)

// unheard are the signals that a program could wait for, but under EGo never
// gets. The others are faults, and what Go's runtime and C's threads send
// themselves.
const unheard = 1<<unix.SIGHUP | 1<<unix.SIGINT | 1<<unix.SIGQUIT | 1<<unix.SIGUSR1 | 1<<unix.SIGUSR2 |
	1<<unix.SIGALRM | 1<<unix.SIGTERM | 1<<unix.SIGCHLD | 1<<unix.SIGCONT | 1<<unix.SIGTSTP | 1<<unix.SIGTTIN |
	1<<unix.SIGTTOU | 1<<unix.SIGXCPU | 1<<unix.SIGXFSZ | 1<<unix.SIGVTALRM | 1<<unix.SIGWINCH | 1<<unix.SIGIO | 1<<unix.SIGPWR

// threadOnly are the flags of clone(2) that say whether a thread is all that is
// made: with new namespaces, or hidden from who traces the others, it is not.
const threadOnly = unix.CLONE_THREAD | unix.CLONE_UNTRACED | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

const (
	allowed = unix.SECCOMP_RET_ALLOW
	missing = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	invalid = unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)
	noTTY   = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOTTY) // of ioctl, for what the device does not know
	ignored = unix.SECCOMP_RET_ERRNO                       // without an error: it returns 0
)

// confinement is the filter that makes a process as alone as an enclave: it
// starts threads but no process, reaches no other, by whatever call, and hears
// no signal. Under EGo that wait for signals succeeds and nothing comes. The
// process has the id pid, in its own namespace.
func confinement(pid uint32) []unix.SockFilter {
	filter := []unix.SockFilter{load(dataNumber)}
	for _, rule := range []struct {
		number uint32
		block  []unix.SockFilter
	}{
		// glibc makes threads by clone where there is no clone3.
		{unix.SYS_CLONE, []unix.SockFilter{
			load(dataArg(0)),
			{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: threadOnly},
			branch(unix.BPF_JEQ, unix.CLONE_THREAD, 0, 1), result(allowed), result(missing),
		}},
		// Go preempts its threads by signals, and C's abort needs one.
		{unix.SYS_TGKILL, []unix.SockFilter{load(dataArg(0)), branch(unix.BPF_JEQ, pid, 0, 1), result(allowed), result(missing)}},
		// Go's and C's start-up code ask for their own limits, as process 0.
		{unix.SYS_PRLIMIT64, []unix.SockFilter{load(dataArg(0)), branch(unix.BPF_JEQ, 0, 0, 1), result(allowed), result(missing)}},
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
		{unix.SYS_IOCTL, slices.Concat([]unix.SockFilter{load(dataArg(1))}, among(requests), []unix.SockFilter{result(noTTY)})},
		{unix.SYS_FCNTL, slices.Concat(
			[]unix.SockFilter{load(dataArg(1)),
				branch(unix.BPF_JEQ, unix.F_SETFL, 0, 4),
				load(dataArg(2)), branch(unix.BPF_JSET, unix.O_ASYNC, 0, 1), result(invalid), result(allowed)},
			among(commands), []unix.SockFilter{result(invalid)})},
	} {
		filter = append(filter, branch(unix.BPF_JEQ, rule.number, 0, uint8(len(rule.block))))
		filter = append(filter, rule.block...)
	}
	filter = append(filter, branch(unix.BPF_JGE, firstCall, 0, 2), branch(unix.BPF_JGT, lastCall, 1, 0), result(allowed))
	return append(append(filter, among(possible)...), result(missing))
}

// among allows what is loaded, if it is one of those.
func among(ks []uint32) (filter []unix.SockFilter) {
	for _, k := range ks {
		filter = append(filter, branch(unix.BPF_JEQ, k, 0, 1), result(allowed))
	}
	return filter
}

// branch is a jump over so many instructions.
func branch(condition uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | condition | unix.BPF_K, K: k, Jt: yes, Jf: no}
}
