package enclavetest_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// profileVariable is set where TestUnderProfile is to do something.
const profileVariable = "CLEAVE_TEST_PROFILE"

// The simulator answers a program's calls in one of two ways. Under a profile
// that refuses calls no kernel has, as containers have one, the way that is
// taken elsewhere is none.
func TestSimulatorByTraps(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnderProfile$", "-test.v")
	cmd.Env = append(os.Environ(), profileVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSimulator ") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestUnderProfile becomes TestSimulator under the profile.
func TestUnderProfile(t *testing.T) {
	if os.Getenv(profileVariable) == "" {
		t.Skip("not to be under a profile")
	}
	runtime.LockOSThread() // which has the profile, and executes
	refuse(t)
	os.Unsetenv(profileVariable)
	t.Fatal(syscall.Exec("/proc/self/exe", []string{os.Args[0], "-test.run=^TestSimulator$", "-test.v"}, os.Environ()))
}

// The calls of EGo's runtime.
const firstCall, lastCall = 1000, 1009

// refuse has this thread's calls of EGo's runtime fail with EPERM, which the
// kernel prefers to asking anybody.
func refuse(t *testing.T) {
	t.Helper()
	const (
		setNoNewPrivs = 38
		modeFilter    = 2
		allow         = 0x7FFF0000
		fail          = 0x00050000 | uint32(syscall.EPERM)
	)
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS},
		{Code: syscall.BPF_JMP | syscall.BPF_JGE | syscall.BPF_K, K: firstCall, Jf: 2},
		{Code: syscall.BPF_JMP | syscall.BPF_JGT | syscall.BPF_K, K: lastCall, Jt: 1},
		{Code: syscall.BPF_RET, K: fail},
		{Code: syscall.BPF_RET, K: allow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_SECCOMP, modeFilter, uintptr(unsafe.Pointer(&program))); errno != 0 {
		t.Fatal(errno)
	}
	for call := uintptr(firstCall); call <= lastCall; call++ {
		if _, _, errno := syscall.RawSyscall(call, 0, 0, 0); errno != syscall.EPERM {
			t.Fatalf("call %d is not refused: %v", call, errno)
		}
	}
}
