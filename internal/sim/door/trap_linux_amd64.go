package door

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setTrap makes runtime calls of the child stop it, by SIGSYS before it is
// delivered, and proves by each of them that they do.
func (t *tracee) setTrap(scratch uint64) error {
	if _, err := t.call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return unavailable("PR_SET_NO_NEW_PRIVS was refused", err)
	}
	if err := t.filter(doorFilter(unix.SECCOMP_RET_TRAP), scratch); err != nil {
		return unavailable(whyNotInstalled(err), err)
	}
	for number := uint64(firstCall); number <= lastCall; number++ {
		if err := t.testTrap(number); err != nil {
			return err
		}
	}
	return nil
}

// testTrap has the child, which stands still, make a call, and answers it.
func (t *tracee) testTrap(number uint64) error {
	came := false
	t.trapped = func() error {
		var regs unix.PtraceRegs
		if err := unix.PtraceGetRegs(t.pid, &regs); err != nil {
			return err
		}
		came = trappedCall(&regs) == int(number)
		return setResult(t.pid, &regs, testAnswer(int(number)))
	}
	defer func() { t.trapped = nil }()
	r, err := t.call(number)
	if err != nil || !came || r != testAnswer(int(number)) {
		return unavailable(fmt.Sprintf("call %d does not trap: it returned %#x; another seccomp filter answers first", number, r), err)
	}
	return nil
}

// trappedCall is the runtime call by which a thread came to be stopped by
// SIGSYS, or zero. The kernel has put the number back into rax, which no call
// that was made returns. The signal's own data would say so too, but not if
// another SIGSYS was already on its way.
func trappedCall(regs *unix.PtraceRegs) int {
	if regs.Orig_rax < firstCall || regs.Orig_rax > lastCall || regs.Rax != regs.Orig_rax {
		return 0
	}
	return int(regs.Rax)
}

// setResult makes value what a stopped thread's call returns.
func setResult(thread int, regs *unix.PtraceRegs, value uint64) error {
	regs.Rax, regs.Orig_rax = value, 1<<64-1 // in no call that could be restarted
	return unix.PtraceSetRegs(thread, regs)
}

// seize lets the child run, traced in the way that lets it be stopped and
// continued by signals too (PTRACE_SEIZE in ptrace(2)), with all threads it
// makes, and killed when this thread ends. In between it is stopped.
func (t *tracee) seize() error {
	if err := ptrace(unix.PTRACE_DETACH, t.pid, int(unix.SIGSTOP)); err != nil {
		return err
	}
	if _, err := stopSignal(t.pid); err != nil {
		return err
	}
	if err := ptrace(unix.PTRACE_SEIZE, t.pid, unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACECLONE); err != nil {
		return unavailable("the child may not be traced; "+whyNoTrace(), err)
	}
	if err := unix.Kill(t.pid, unix.SIGCONT); err != nil {
		return err
	}
	return t.resend()
}

// ptrace is a request of ptrace(2) that has only data.
func ptrace(request, thread, data int) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(thread), 0, uintptr(data), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
