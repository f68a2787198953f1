package door

import "golang.org/x/sys/unix"

// possible are the system calls that a child may make whatever their
// arguments: those that EGo has (Open Enclave's and Edgeless RT's lists of what
// they dispatch), those that Go's runtime and C's start-up code and threads
// need on Linux, and their like that change nothing outside of the process. All
// others fail with ENOSYS, also those that no kernel has yet.
var possible = []uint32{
	// Memory.
	unix.SYS_BRK, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_MLOCK, unix.SYS_MLOCK2, unix.SYS_MLOCKALL,
	unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_MSYNC, unix.SYS_MUNLOCK, unix.SYS_MUNLOCKALL, unix.SYS_MUNMAP,

	// Threads, time, and signals to oneself.
	unix.SYS_ARCH_PRCTL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_FUTEX, unix.SYS_GETCPU, unix.SYS_MEMBARRIER,
	unix.SYS_PAUSE, unix.SYS_RESTART_SYSCALL, unix.SYS_RSEQ, unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS,
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETPARAM, unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GET_PRIORITY_MAX,
	unix.SYS_SCHED_GET_PRIORITY_MIN, unix.SYS_SCHED_RR_GET_INTERVAL, unix.SYS_SCHED_YIELD,
	unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_GETTIMEOFDAY, unix.SYS_NANOSLEEP,
	unix.SYS_TIME, unix.SYS_TIMES, unix.SYS_ALARM, unix.SYS_GETITIMER, unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE,
	unix.SYS_TIMER_DELETE, unix.SYS_TIMER_GETOVERRUN, unix.SYS_TIMER_GETTIME, unix.SYS_TIMER_SETTIME,
	unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGSUSPEND,
	unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_SIGALTSTACK, unix.SYS_WAIT4, unix.SYS_WAITID,

	// Who and where one is.
	unix.SYS_GETEGID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETGROUPS, unix.SYS_GETPGID, unix.SYS_GETPGRP,
	unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETPRIORITY, unix.SYS_GETRESGID, unix.SYS_GETRESUID, unix.SYS_GETSID,
	unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_CAPGET, unix.SYS_GETRANDOM, unix.SYS_GETRLIMIT, unix.SYS_GETRUSAGE,
	unix.SYS_SETRLIMIT, unix.SYS_SYSINFO, unix.SYS_UNAME,

	// Files by name.
	unix.SYS_ACCESS, unix.SYS_CHDIR, unix.SYS_CHMOD, unix.SYS_CREAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2,
	unix.SYS_FCHDIR, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_GETCWD, unix.SYS_LINK,
	unix.SYS_LINKAT, unix.SYS_LSTAT, unix.SYS_MKDIR, unix.SYS_MKDIRAT, unix.SYS_NEWFSTATAT, unix.SYS_OPEN,
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_READLINK, unix.SYS_READLINKAT, unix.SYS_RENAME, unix.SYS_RENAMEAT,
	unix.SYS_RENAMEAT2, unix.SYS_RMDIR, unix.SYS_STAT, unix.SYS_STATFS, unix.SYS_STATX, unix.SYS_TRUNCATE,
	unix.SYS_UMASK, unix.SYS_UNLINK, unix.SYS_UNLINKAT,

	// Descriptors.
	unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE, unix.SYS_DUP, unix.SYS_DUP2, unix.SYS_DUP3, unix.SYS_FADVISE64,
	unix.SYS_FDATASYNC, unix.SYS_FLOCK, unix.SYS_FSTAT, unix.SYS_FSTATFS, unix.SYS_FSYNC, unix.SYS_FTRUNCATE,
	unix.SYS_GETDENTS, unix.SYS_GETDENTS64, unix.SYS_LSEEK, unix.SYS_PREAD64, unix.SYS_PREADV, unix.SYS_PREADV2,
	unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2, unix.SYS_READ, unix.SYS_READAHEAD, unix.SYS_READV,
	unix.SYS_SYNCFS, unix.SYS_SYNC_FILE_RANGE, unix.SYS_WRITE, unix.SYS_WRITEV,
	unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2,
	unix.SYS_EPOLL_WAIT, unix.SYS_EVENTFD, unix.SYS_EVENTFD2, unix.SYS_POLL, unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_SELECT,

	// Sockets.
	unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_GETPEERNAME, unix.SYS_GETSOCKNAME,
	unix.SYS_GETSOCKOPT, unix.SYS_LISTEN, unix.SYS_RECVFROM, unix.SYS_RECVMMSG, unix.SYS_RECVMSG, unix.SYS_SENDMMSG,
	unix.SYS_SENDMSG, unix.SYS_SENDTO, unix.SYS_SETSOCKOPT, unix.SYS_SHUTDOWN, unix.SYS_SOCKET, unix.SYS_SOCKETPAIR,
}

// requests are those of ioctl(2) that a child may make: what is asked of
// terminals, sockets and network interfaces, and how descriptors behave.
// Others type into the terminal (TIOCSTI), or have signals sent to whom one
// names (SIOCSPGRP, FIOASYNC).
var requests = []uint32{
	unix.TCGETS, unix.TCGETS2, unix.TIOCGWINSZ, unix.TIOCOUTQ, unix.TIOCINQ,
	fioNonblock, fioCloseOnExec, fioNotCloseOnExec,
	unix.SIOCGIFCONF, unix.SIOCGIFNAME, unix.SIOCGIFINDEX, unix.SIOCGIFFLAGS, unix.SIOCGIFADDR, unix.SIOCGIFDSTADDR,
	unix.SIOCGIFBRDADDR, unix.SIOCGIFNETMASK, unix.SIOCGIFMTU, unix.SIOCGIFHWADDR,
}

// Requests of asm-generic/ioctls.h that have no name in package unix.
const (
	fioNonblock       = 0x5421 // FIONBIO
	fioNotCloseOnExec = 0x5450 // FIONCLEX
	fioCloseOnExec    = 0x5451 // FIOCLEX
)

// commands are those of fcntl(2) that a child may give. By others signals
// would be sent to whom one names (F_SETOWN, F_SETSIG, F_NOTIFY, F_SETLEASE).
// F_SETFL has a rule of its own.
var commands = []uint32{
	unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL,
	unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW,
}
