package door

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracee is a stopped process that this thread traces.
type tracee struct {
	pid     int
	regs    unix.PtraceRegs
	signals []unix.Signal // that arrived meanwhile
	trapped func() error  // if not nil, does with SIGSYS what is to be done
}

// borrow runs f with a system call instruction where the child stands, and one
// that does nothing, and puts back what was there.
func (t *tracee) borrow(f func() error) error {
	var text [3]byte
	if err := unix.PtraceGetRegs(t.pid, &t.regs); err != nil {
		return err
	}
	if t.regs.Cs != 0x33 {
		return errors.New("not a 64-bit program")
	}
	at := uintptr(t.regs.Rip)
	if _, err := unix.PtracePeekText(t.pid, at, text[:]); err != nil {
		return untraceable(err)
	}
	if _, err := unix.PtracePokeText(t.pid, at, []byte{0x0f, 0x05, 0x90}); err != nil {
		return untraceable(err)
	}
	if err := f(); err != nil {
		return err // the child will not run
	}
	if _, err := unix.PtracePokeText(t.pid, at, text[:]); err != nil {
		return err
	}
	return unix.PtraceSetRegs(t.pid, &t.regs)
}

// call makes the child execute one system call.
func (t *tracee) call(number uint64, args ...uint64) (uint64, error) {
	r := t.regs
	r.Rax, r.Orig_rax = number, 1<<64-1 // in no call that could be restarted
	for i, reg := range [...]*uint64{&r.Rdi, &r.Rsi, &r.Rdx, &r.R10, &r.R8, &r.R9} {
		*reg = 0
		if i < len(args) {
			*reg = args[i]
		}
	}
	if err := unix.PtraceSetRegs(t.pid, &r); err != nil {
		return 0, err
	}
	step := func() error { return unix.PtraceSingleStep(t.pid) }
	if err := step(); err != nil {
		return 0, err
	}
	if err := t.wait(step); err != nil {
		return 0, err
	}
	if err := unix.PtraceGetRegs(t.pid, &r); err != nil {
		return 0, err
	}
	if v := int64(r.Rax); v < 0 && v >= -4095 {
		return 0, unix.Errno(-v)
	}
	return r.Rax, nil
}

// wait waits until the child has stopped by SIGTRAP. Other signals are kept for
// later and the child resumed. It never takes the child's exit status, which is
// os/exec's.
func (t *tracee) wait(resume func() error) error {
	for {
		signal, err := stopSignal(t.pid)
		if err != nil {
			return err
		}
		if signal == unix.SIGTRAP {
			return nil
		}
		if signal == unix.SIGSYS && t.trapped != nil {
			err = t.trapped()
		} else {
			t.signals = append(t.signals, signal)
		}
		if err != nil {
			return err
		}
		if err := resume(); err != nil {
			return err
		}
	}
}

// release lets the child run, no longer traced.
func (t *tracee) release() error {
	if err := unix.PtraceDetach(t.pid); err != nil {
		return err
	}
	return t.resend()
}

func (t *tracee) resend() error {
	for _, signal := range t.signals {
		if err := unix.Kill(t.pid, signal); err != nil {
			return err
		}
	}
	return nil
}

// stopSignal waits for a child to stop and says by which signal.
func stopSignal(pid int) (unix.Signal, error) {
	info, err := waitid(unix.P_PID, pid, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT)
	if err != nil {
		return 0, err
	}
	if info.ended() {
		return 0, errors.New("the child ended before it began")
	}
	return unix.Signal(info.status), nil
}

// ended reports whether a child has, without waiting.
func ended(pid int) bool {
	info, err := waitid(unix.P_PID, pid, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
	return err == nil && info.pid == int32(pid)
}

// childInfo is siginfo_t for SIGCHLD.
type childInfo struct {
	signo, errno, code, _ int32
	pid, uid, status      int32
	_                     [100]byte
}

// waitid is waitid(2). With WNOWAIT it leaves the status to be waited for
// again; with WNOHANG a zero pid says that there is nothing yet.
func waitid(kind, id, options int) (info childInfo, err error) {
	for {
		err = unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), options, nil)
		if !errors.Is(err, unix.EINTR) {
			return info, err
		}
	}
}

// ended tells an end from a stop.
func (i *childInfo) ended() bool {
	const exited, dumped = 1, 3 // CLD_EXITED to CLD_DUMPED
	return i.code >= exited && i.code <= dumped
}
