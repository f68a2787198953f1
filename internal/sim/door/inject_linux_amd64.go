package door

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arenaSize is several times what 64 goroutines were seen to hold at once.
const arenaSize = 4 << 20

// inject furnishes a child that stands at its first instruction, traced by
// this thread: it makes the child close its descriptors above 2, map the arena,
// and give up making processes. Then the child is as it was and runs.
func inject(pid int) (*arena, error) {
	t := &tracee{pid: pid}
	if err := t.wait(func() error { return unix.PtraceCont(pid, 0) }); err != nil {
		return nil, err
	}
	var a *arena
	if err := t.borrow(func() (err error) { a, err = t.furnish(); return err }); err != nil {
		return nil, untraceable(err)
	}
	return a, t.release()
}

// untraceable explains a refusal by the kernel's ptrace access check.
func untraceable(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EIO) {
		return err
	}
	return unavailable("the child's memory may not be touched; the program must be readable, not only executable, "+
		"and /proc/sys/kernel/yama/ptrace_scope 0 or 1", err)
}

func (t *tracee) furnish() (*arena, error) {
	if _, err := t.call(unix.SYS_CLOSE_RANGE, 3, 1<<32-1, 0); err != nil {
		return nil, fmt.Errorf("close_range in the child: %w", err)
	}
	addr, err := t.call(unix.SYS_MMAP, 0, arenaSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, 1<<64-1, 0)
	if err != nil {
		return nil, fmt.Errorf("mmap in the child: %w", err)
	}
	if err := t.confine(addr); err != nil {
		return nil, fmt.Errorf("seccomp in the child: %w", err)
	}
	return newArena(process(t.pid), span{addr, arenaSize})
}

// confine puts soloFilter on the child. The program passes through scratch.
func (t *tracee) confine(scratch uint64) error {
	const headSize = 16 // struct sock_fprog
	filter := soloFilter()
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(filter)))
	b = binary.LittleEndian.AppendUint64(b, scratch+headSize)
	b = appendFilter(b, filter)
	if err := process(t.pid).write(scratch, b); err != nil {
		return err
	}
	if _, err := t.call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, scratch); err != nil {
		return err
	}
	return wipe(process(t.pid), scratch, len(b))
}

// tracee is a stopped process that this thread traces.
type tracee struct {
	pid     int
	regs    unix.PtraceRegs
	signals []unix.Signal // that arrived meanwhile
}

// borrow runs f with a system call instruction where the child stands, and
// puts back what was there.
func (t *tracee) borrow(f func() error) error {
	var text [2]byte
	if err := unix.PtraceGetRegs(t.pid, &t.regs); err != nil {
		return err
	}
	if t.regs.Cs != 0x33 {
		return errors.New("not a 64-bit program")
	}
	at := uintptr(t.regs.Rip)
	if _, err := unix.PtracePeekText(t.pid, at, text[:]); err != nil {
		return err
	}
	if _, err := unix.PtracePokeText(t.pid, at, []byte{0x0f, 0x05}); err != nil {
		return err
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
		t.signals = append(t.signals, signal)
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
	for _, signal := range t.signals {
		if err := unix.Kill(t.pid, signal); err != nil {
			return err
		}
	}
	return nil
}

// stopSignal waits for a child to stop and says by which signal.
func stopSignal(pid int) (unix.Signal, error) {
	var info childInfo
	if err := info.wait(pid, unix.WEXITED|unix.WSTOPPED); err != nil {
		return 0, err
	}
	if info.code != childTrapped {
		return 0, errors.New("the child ended before it began")
	}
	return unix.Signal(info.status), nil
}

// ended reports whether a child has, without waiting.
func ended(pid int) bool {
	var info childInfo
	return info.wait(pid, unix.WEXITED|unix.WNOHANG) == nil && info.pid == int32(pid)
}

const childTrapped = 4 // CLD_TRAPPED

// childInfo is siginfo_t for SIGCHLD.
type childInfo struct {
	signo, errno, code, _ int32
	pid, uid, status      int32
	_                     [100]byte
}

// wait is waitid(2) and leaves the child's status to be waited for again.
func (i *childInfo) wait(pid, options int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, (*unix.Siginfo)(unsafe.Pointer(i)), options|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
