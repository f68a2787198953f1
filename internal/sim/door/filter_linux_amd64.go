package door

import (
	"encoding/binary"
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data, and the bit that marks an x32 call.
const (
	dataNumber = 0
	dataArch   = 4
	x32Bit     = 0x40000000
)

// dataArg is the low half of an argument.
func dataArg(i uint32) uint32 { return 16 + 8*i }

// doorFilter does action with the runtime calls and lets all others be. Every
// x32 call, and every call of another architecture (whose numbers mean
// something else), kills: an enclave has neither.
func doorFilter(action uint32) []unix.SockFilter {
	const allow, kill = 7, 8
	return []unix.SockFilter{
		0:     load(dataArch),
		1:     jump(1, unix.BPF_JEQ, unix.AUDIT_ARCH_X86_64, 2, kill),
		2:     load(dataNumber),
		3:     jump(3, unix.BPF_JGE, x32Bit, kill, 4),
		4:     jump(4, unix.BPF_JGE, firstCall, 5, allow),
		5:     jump(5, unix.BPF_JGT, lastCall, allow, 6),
		6:     result(action),
		allow: result(unix.SECCOMP_RET_ALLOW),
		kill:  result(unix.SECCOMP_RET_KILL_PROCESS),
	}
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func result(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// jump is the instruction at index at; the targets are indexes too.
func jump(at uint8, condition uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | condition | unix.BPF_K, K: k, Jt: yes - at - 1, Jf: no - at - 1}
}

// appendFilter appends struct sock_filter[] to b.
func appendFilter(b []byte, filter []unix.SockFilter) []byte {
	for _, f := range filter {
		b = binary.LittleEndian.AppendUint16(b, f.Code)
		b = append(b, f.Jt, f.Jf)
		b = binary.LittleEndian.AppendUint32(b, f.K)
	}
	return b
}

// install puts the door's filter on the calling thread, for good, and returns
// the listener.
func install() (listener, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, unavailable("PR_SET_NO_NEW_PRIVS was refused", err)
	}
	filter := doorFilter(unix.SECCOMP_RET_USER_NOTIF)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return 0, unavailable(whyNotInstalled(errno), errno)
	}
	return listener(fd), nil
}

// whyNotInstalled explains the errors of seccomp(2).
func whyNotInstalled(errno error) string {
	switch {
	case errors.Is(errno, unix.EINVAL):
		return "the kernel is older than 5.19 or built without CONFIG_SECCOMP_FILTER"
	case errors.Is(errno, unix.EBUSY):
		return "this process is itself under a seccomp listener, and the kernel allows one; start it outside that sandbox or simulator"
	case errors.Is(errno, unix.ENOSYS):
		return "there is no seccomp(2), as under gVisor; use a Linux kernel or a virtual machine"
	default:
		return "seccomp(2) was refused; in a container, run it with --security-opt seccomp=unconfined"
	}
}
