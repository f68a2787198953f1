package door

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// setNamespaces has os/exec start a process in namespaces of its own. What a
// new user namespace grants it would lose as soon as its program is loaded,
// were the capabilities not ambient (capabilities(7)).
func setNamespaces(attr *syscall.SysProcAttr, flags uintptr) {
	attr.Cloneflags = flags
	if flags&unix.CLONE_NEWUSER == 0 {
		return
	}
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	for c := range capabilities() {
		attr.AmbientCaps = append(attr.AmbientCaps, uintptr(c))
	}
}

// capabilities counts those that the kernel knows.
func capabilities() int {
	n := 0
	for n < 64 && unix.Prctl(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0) == nil {
		n++
	}
	return n
}

// startable reports whether the child, which did not start, would without its
// namespaces. It is killed before its first instruction.
func startable(ctx context.Context, c Config) bool {
	c.Namespaces, c.Stdin, c.Stdout, c.Stderr = 0, nil, nil, nil
	cmd, err := startTraced(ctx, c)
	if err != nil {
		return false
	}
	cmd.Process.Kill()
	cmd.Wait()
	return true
}

// whyNoNamespaces says what to do about the errors of clone(2).
func whyNoNamespaces(err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS):
		return "allow some in /proc/sys/user/max_user_namespaces"
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
		return "the kernel was built without them"
	default:
		return "in a container, run it with --security-opt seccomp=unconfined, or else see the sysctls " +
			"kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns"
	}
}

// prepare has the child's surroundings arranged, and then takes from it what a
// new user namespace granted for that.
func (t *tracee) prepare(c Config, scratch span) error {
	if c.Prepare != nil {
		s := &Stopped{pid: t.pid, call: t.call, memory: process(t.pid), scratch: scratch}
		if err := c.Prepare(s); err != nil {
			return fmt.Errorf("preparing the child: %w", err)
		}
	}
	if c.Namespaces&unix.CLONE_NEWUSER != 0 {
		if err := t.dropCapabilities(scratch.start); err != nil {
			return fmt.Errorf("dropping the child's capabilities: %w", err)
		}
	}
	if c.Prepare == nil && c.Namespaces == 0 {
		return nil
	}
	_, err := t.call(unix.SYS_MADVISE, scratch.start, scratch.size, unix.MADV_DONTNEED) // zeros, from now on
	return err
}

// dropCapabilities empties the child's sets; the bounding set only if Prepare
// has left it the right to.
func (t *tracee) dropCapabilities(scratch uint64) error {
	for c := range capabilities() {
		if _, err := t.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uint64(c)); errors.Is(err, unix.EPERM) {
			break
		} else if err != nil {
			return err
		}
	}
	if _, err := t.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	const headSize, setSize = 8, 24 // struct __user_cap_header_struct, two of __user_cap_data_struct
	b := binary.LittleEndian.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	b = append(b, make([]byte, headSize-4+setSize)...) // pid 0 is the caller; no capability at all
	if err := process(t.pid).write(scratch, b); err != nil {
		return err
	}
	_, err := t.call(unix.SYS_CAPSET, scratch, scratch+headSize)
	return err
}
