//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// claim puts a file into dir that is locked as long as this process lives. It
// gets its name only then, so that nobody finds one that is not locked yet.
func claim(dir string) (release func() error, err error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name+".new", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(tryLock(f), os.Rename(f.Name(), name)); err != nil {
		f.Close()
		return nil, err
	}
	return f.Close, nil
}

// tryLock fails if another process has f locked. The lock goes with the last
// descriptor, and so with the process.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// sweep removes the socket directories in parent that this user's hosts have
// left, if they are certainly dead. Others, and whatever goes wrong, are of no
// concern to the launch that it is part of.
func sweep(parent string) {
	root, err := os.OpenRoot(parent)
	if err != nil {
		return
	}
	defer root.Close()
	f, err := root.Open(".")
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, socketDirPrefix) && ownDirectory(root, name) {
			sweepOne(root, name)
		}
	}
}

// ownDirectory accepts what only this user can have made.
func ownDirectory(root *os.Root, name string) bool {
	info, err := root.Lstat(name)
	if err != nil || info.Mode() != fs.ModeDir|0o700 {
		return false
	}
	return int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}

func sweepOne(root *os.Root, name string) {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return
	}
	defer dir.Close()
	if !onlySocket(dir) {
		return
	}
	lock, err := dir.Open(lockName)
	if err != nil {
		return
	}
	defer lock.Close()
	if tryLock(lock) != nil {
		return // its host lives
	}
	dir.Remove(socketName)
	dir.Remove(lockName)
	root.Remove(name)
}

// onlySocket reports whether a directory has a lock, perhaps a socket, and
// nothing else that might be missed.
func onlySocket(dir *os.Root) bool {
	entries, err := fs.ReadDir(dir.FS(), ".")
	locked := false
	for _, e := range entries {
		switch {
		case e.Name() == lockName && e.Type().IsRegular():
			locked = true
		case e.Name() != socketName || e.Type() != fs.ModeSocket:
			return false
		}
	}
	return err == nil && locked
}
