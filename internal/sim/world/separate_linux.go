package world

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var errNotSeparate = errors.New("the child has not left the mount namespace of this process")

// separate gives the child mounts of its own. Who may mount needs no user
// namespace for that, and would lose in it the rights to other users' files,
// which an enclave that root starts under EGo has.
func (b *builder) separate() error {
	flags := unix.CLONE_NEWNS | unix.CLONE_NEWIPC
	if !capable(unix.CAP_SYS_ADMIN) {
		flags |= unix.CLONE_NEWUSER
	}
	b.call("unshare", unix.SYS_UNSHARE, flags)
	if b.err == nil && flags&unix.CLONE_NEWUSER != 0 {
		b.err = b.identify()
	}
	if b.err != nil {
		return b.err
	}
	return b.elsewhere()
}

// identify lets the child be in its user namespace who it is outside, as
// user_namespaces(7) allows its owner, this process, without privileges.
func (b *builder) identify() error {
	for _, file := range []struct{ name, content string }{
		{"setgroups", "deny"},
		{"uid_map", fmt.Sprintf("%d %d 1", os.Geteuid(), os.Geteuid())},
		{"gid_map", fmt.Sprintf("%d %d 1", os.Getegid(), os.Getegid())},
	} {
		if err := b.tell(file.name, file.content); err != nil {
			return refused(err)
		}
	}
	return nil
}

// tell writes to one of the child's files in /proc.
func (b *builder) tell(name, content string) error {
	f, err := os.OpenFile(b.proc(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

func (b *builder) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", b.child.Pid(), name) }

// elsewhere makes sure that the child has left: what comes would otherwise be
// done to the mounts of the whole system.
func (b *builder) elsewhere() error {
	ours, err := os.Readlink("/proc/thread-self/ns/mnt")
	if err != nil {
		return refused(err)
	}
	theirs, err := os.Readlink(b.proc("ns/mnt"))
	if err != nil {
		return refused(err)
	}
	if ours == theirs {
		return fmt.Errorf("%w: %w", ErrRefused, errNotSeparate)
	}
	return nil
}
