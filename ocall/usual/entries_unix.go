//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package usual

import (
	"errors"
	"os"
	"syscall"
)

// nonblocking opens a pipe without waiting for who writes into it.
const nonblocking = syscall.O_NONBLOCK

// share marks the directory as open until it is closed. If nobody else has it
// open, alone is called first.
func share(entries *os.File, alone func()) {
	fd := int(entries.Fd())
	switch err := flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		alone()
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return // a file system without locks
	}
	flock(fd, syscall.LOCK_SH) // waits for no more than another's alone
}

func flock(fd, how int) error {
	for {
		if err := syscall.Flock(fd, how); err != syscall.EINTR {
			return err
		}
	}
}

// syncEntries has the names of a directory on the disk.
func syncEntries(entries *os.File) error { return entries.Sync() }
