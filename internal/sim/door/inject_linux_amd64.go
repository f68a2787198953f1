package door

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	arenaSize = 4 << 20 // several times what 64 goroutines were seen to hold at once
	pageSize  = 4096
)

// inject furnishes a child that stands at its first instruction, traced by
// this thread: it makes the child map the arena, has it prepared, makes it
// close its descriptors above 2, and puts filters on it. Then the child is as
// it was.
func (t *tracee) inject(c Config, d Door) (*arena, error) {
	if err := t.wait(func() error { return unix.PtraceCont(t.pid, 0) }); err != nil {
		return nil, err
	}
	var a *arena
	return a, t.borrow(func() (err error) { a, err = t.furnish(c, d); return err })
}

func (t *tracee) furnish(c Config, d Door) (*arena, error) {
	addr, err := t.call(unix.SYS_MMAP, 0, arenaSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, 1<<64-1, 0)
	if err != nil {
		return nil, fmt.Errorf("mmap in the child: %w", err)
	}
	a, err := newArena(process(t.pid), span{addr, arenaSize})
	if err != nil {
		return nil, untraceable(err)
	}
	scratch := span{addr + pageSize, arenaSize - pageSize} // past the cookie
	if err := t.prepare(c, scratch); err != nil {
		return nil, err
	}
	if err := t.closeDescriptors(); err != nil {
		return nil, fmt.Errorf("closing the child's descriptors: %w", err)
	}
	if d == Trap {
		if err := t.setTrap(scratch.start); err != nil {
			return nil, err
		}
	}
	if err := t.confine(scratch.start); err != nil {
		return nil, fmt.Errorf("confining the child: %w", err)
	}
	return a, nil
}

// closeDescriptors closes those above 2, one by one where the kernel is older
// than 5.9 or a profile than that.
func (t *tracee) closeDescriptors() error {
	const first, last = 3, 1<<32 - 1
	_, err := t.call(unix.SYS_CLOSE_RANGE, first, last, 0)
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", t.pid))
	for _, entry := range open {
		fd, _ := strconv.ParseUint(entry.Name(), 10, 32)
		if fd < first {
			continue
		}
		if _, err := t.call(unix.SYS_CLOSE, fd); err != nil {
			return err
		}
	}
	return err
}

func (t *tracee) confine(scratch uint64) error {
	pid, err := t.call(unix.SYS_GETPID)
	if err != nil {
		return err
	}
	return t.filter(confinement(uint32(pid)), scratch)
}

// filter puts a filter on the child. It passes through scratch.
func (t *tracee) filter(filter []unix.SockFilter, scratch uint64) error {
	const headSize = 16 // struct sock_fprog
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

// untraceable explains a refusal by the kernel's ptrace access check.
func untraceable(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EIO) {
		return err
	}
	return unavailable("the child's memory may not be touched; the program must be readable, not only executable, and "+whyNoTrace(), err)
}

// whyNoTrace says what to do where ptrace is denied.
func whyNoTrace() string {
	b, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if scope := strings.TrimSpace(string(b)); scope == "2" || scope == "3" {
		return "the sysctl kernel.yama.ptrace_scope, which is " + scope + ", must be 0 or 1"
	}
	return "run it outside of strace -f and debuggers, with the sysctl kernel.yama.ptrace_scope at 0 or 1; in a container, with --cap-add SYS_PTRACE or --security-opt seccomp=unconfined"
}
