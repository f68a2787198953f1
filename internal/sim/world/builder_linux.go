package world

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// at is the working directory, as the directory that a path is relative to.
const at descriptor = unix.AT_FDCWD

// itself is the empty path, which is not NULL: what a descriptor is of.
const itself = "\x00"

// descriptor is one of the child's.
type descriptor int

// builder has a child make system calls, until the first that fails.
type builder struct {
	child  Child
	trying bool            // whether an error means that the system does not allow it
	err    error           // the first
	made   map[string]bool // directories
}

// call makes a system call with numbers, descriptors, strings (of which the
// empty one is NULL) and structures as arguments.
func (b *builder) call(name string, number uintptr, args ...any) descriptor {
	r, err := b.attempt(name, number, args...)
	if b.err == nil {
		b.err = err
	}
	return descriptor(r)
}

// attempt is call with an error that does not count.
func (b *builder) attempt(name string, number uintptr, args ...any) (uint64, error) {
	if b.err != nil {
		return 0, b.err
	}
	registers := make([]uint64, len(args))
	for i, arg := range args {
		register, err := b.argument(arg)
		if err != nil {
			return 0, err
		}
		registers[i] = register
	}
	r, err := b.child.Call(number, registers...)
	if err != nil {
		return 0, b.explain(name, args, err)
	}
	return r, nil
}

func (b *builder) argument(arg any) (uint64, error) {
	switch a := arg.(type) {
	case string:
		if a == "" {
			return 0, nil
		}
		return b.child.Bytes(append([]byte(a), 0))
	case []byte:
		return b.child.Bytes(a)
	case descriptor:
		return uint64(a), nil
	case int:
		return uint64(a), nil
	}
	panic(fmt.Sprintf("a system call has no %T", arg))
}

// explain says what was to be done to what, and whether it is that the system
// does not allow it.
func (b *builder) explain(name string, args []any, err error) error {
	for _, arg := range args {
		if s, ok := arg.(string); ok && strings.Contains(s, "/") {
			name += " " + s
		}
	}
	err = fmt.Errorf("%s: %w", name, err)
	if b.trying || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		return refused(err)
	}
	return err
}

// memory makes a file system in memory, not mounted anywhere yet.
func (b *builder) memory(size int64) descriptor {
	fs := b.call("fsopen", unix.SYS_FSOPEN, "tmpfs", unix.FSOPEN_CLOEXEC)
	b.call("fsconfig", unix.SYS_FSCONFIG, fs, unix.FSCONFIG_SET_STRING, "size", fmt.Sprint(size), 0)
	b.call("fsconfig", unix.SYS_FSCONFIG, fs, unix.FSCONFIG_SET_STRING, "mode", "0700", 0)
	b.call("fsconfig", unix.SYS_FSCONFIG, fs, unix.FSCONFIG_CMD_CREATE, 0, 0, 0)
	return b.call("fsmount", unix.SYS_FSMOUNT, fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// open takes what is at a mount's source, with all that is mounted below it,
// not mounted anywhere else yet.
func (b *builder) open(m mount) descriptor {
	fd := b.call("open_tree", unix.SYS_OPEN_TREE, at, m.source, unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE|unix.O_CLOEXEC)
	flags := unix.MOUNT_ATTR_NOSUID
	if m.readOnly {
		flags |= unix.MOUNT_ATTR_RDONLY
	}
	if !m.program {
		flags |= unix.MOUNT_ATTR_NOEXEC
	}
	b.restrict(fd, itself, unix.AT_RECURSIVE, flags)
	return fd
}

// clone takes a directory alone.
func (b *builder) clone(dir string) descriptor {
	return b.call("open_tree", unix.SYS_OPEN_TREE, at, dir, unix.OPEN_TREE_CLONE|unix.O_CLOEXEC)
}

// restrict sets attributes of a mount, or with AT_RECURSIVE of all below it
// too.
func (b *builder) restrict(dir descriptor, name string, how, attributes int) {
	attr := unix.MountAttr{Attr_set: uint64(attributes)}
	b.call("mount_setattr", unix.SYS_MOUNT_SETATTR, dir, name, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|how, structure(&attr), int(unsafe.Sizeof(attr)))
}

// enter makes root the root of everything. The old one is put over it and
// taken away, with all mounts of the host.
func (b *builder) enter(root descriptor) {
	b.call("move_mount", unix.SYS_MOVE_MOUNT, root, itself, at, "/", unix.MOVE_MOUNT_F_EMPTY_PATH)
	b.call("fchdir", unix.SYS_FCHDIR, root)
	b.call("pivot_root", unix.SYS_PIVOT_ROOT, ".", ".")
	b.call("umount2", unix.SYS_UMOUNT2, ".", unix.MNT_DETACH)
	b.call("chdir", unix.SYS_CHDIR, "/")
}

// mount puts a file system at the target of m, which must be what it says and
// not a symbolic link.
func (b *builder) mount(fs descriptor, m mount) {
	if b.err != nil {
		return
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	target := b.call("openat2", unix.SYS_OPENAT2, at, m.target, structure(&how), int(unsafe.Sizeof(how)))
	b.call("move_mount", unix.SYS_MOVE_MOUNT, fs, itself, target, itself, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if b.err != nil {
		b.err = fmt.Errorf("%s: %w", m.key, b.err)
	}
}

// make makes what m is mounted on.
func (b *builder) make(m mount) {
	if m.file {
		b.write(m.target, nil)
		return
	}
	b.directories(m.target)
}

// directories makes a directory and those above it, unless they are there.
func (b *builder) directories(dir string) {
	if dir == "/" || b.made[dir] {
		return
	}
	b.directories(path.Dir(dir))
	b.made[dir] = true
	_, err := b.attempt("mkdirat", unix.SYS_MKDIRAT, at, dir, 0o700)
	if b.err == nil && !errors.Is(err, unix.EEXIST) {
		b.err = err
	}
}

// write makes a file. The content does not pass through the child's memory:
// it is written from here, to the file that the child has open.
func (b *builder) write(name string, content []byte) {
	b.directories(path.Dir(name))
	const flags = unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd := b.call("openat", unix.SYS_OPENAT, at, name, flags, 0o600)
	if b.err == nil && len(content) > 0 {
		b.err = b.fill(fd, content)
	}
	b.call("close", unix.SYS_CLOSE, fd)
}

func (b *builder) fill(fd descriptor, content []byte) error {
	f, err := os.OpenFile(b.proc(fmt.Sprint("fd/", fd)), os.O_WRONLY, 0)
	if err != nil {
		return refused(err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("the files do not fit in the heap; raise heapSize: %w", err)
	}
	return err
}

// workIn makes dir the working directory.
func (b *builder) workIn(dir string) {
	if _, err := b.attempt("chdir", unix.SYS_CHDIR, dir); err != nil && b.err == nil {
		b.err = fmt.Errorf("env: PWD is %s, which is no directory in the enclave (%w); have a mount or a file make it, or leave PWD out", dir, err)
	}
}

// shut closes what has been opened, of which some leads to the host.
func (b *builder) shut() { b.call("close_range", unix.SYS_CLOSE_RANGE, 3, 1<<32-1, 0) }

// structure is the memory of *v.
func structure[T unix.MountAttr | unix.OpenHow | unix.CapUserHeader | [2]unix.CapUserData](v *T) []byte {
	b := make([]byte, binary.Size(*v))
	binary.Encode(b, binary.NativeEndian, *v) // it has the size, and no padding
	return b
}
