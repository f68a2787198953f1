//go:build linux && amd64

package door_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deny is a profile in which a call fails.
func deny(number int, errno syscall.Errno) string { return fmt.Sprintf("%d:%d", number, int(errno)) }

const (
	// What Docker's default profile does, as far as it matters here, in the
	// versions that fail what they do not know with EPERM and with ENOSYS.
	dockerEPERM  = "docker:1"
	dockerENOSYS = "docker:38"

	linux515     = "5.15"     // a kernel without SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	withListener = "listener" // a listener of somebody else's
)

// enforce puts a profile on all threads of this process.
func enforce(profile string) {
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_TSYNC)
	if profile == withListener {
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	}
	filter := append(filterOf(profile), answer(unix.SECCOMP_RET_ALLOW))
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program))); errno != 0 {
		panic(errno)
	}
}

func filterOf(profile string) []unix.SockFilter {
	const lastKnown = 462 // of Linux 6.10
	const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}
	arg := func(i uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16 + 8*i}
	}
	var number, errno uint32
	if profile == linux515 {
		return []unix.SockFilter{
			load, unless(unix.BPF_JEQ, unix.SYS_SECCOMP, 3),
			arg(1), unless(unix.BPF_JSET, unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 1), fail(unix.EINVAL),
		}
	}
	if _, err := fmt.Sscanf(profile, "%d:%d", &number, &errno); err == nil {
		return []unix.SockFilter{load, unless(unix.BPF_JEQ, number, 1), fail(syscall.Errno(errno))}
	}
	if !strings.HasPrefix(profile, "docker:") {
		return nil
	}
	fmt.Sscanf(profile, "docker:%d", &errno)
	filter := []unix.SockFilter{
		load, unless(unix.BPF_JGT, lastKnown, 1), fail(syscall.Errno(errno)),
		unless(unix.BPF_JEQ, unix.SYS_CLONE3, 1), fail(unix.ENOSYS),
	}
	for _, number := range []uint32{unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT} {
		filter = append(filter, unless(unix.BPF_JEQ, number, 1), fail(unix.EPERM))
	}
	return append(filter, unless(unix.BPF_JEQ, unix.SYS_CLONE, 3), arg(0), unless(unix.BPF_JSET, newNamespaces, 1), fail(unix.EPERM))
}

// unless skips instructions where a condition does not hold.
func unless(condition uint16, k uint32, skipped uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | condition | unix.BPF_K, K: k, Jf: skipped}
}

func fail(errno syscall.Errno) unix.SockFilter {
	return answer(unix.SECCOMP_RET_ERRNO | uint32(errno))
}

func answer(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET, K: action}
}
