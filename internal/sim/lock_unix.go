//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sim

import "syscall"

// lock keeps other processes from changing the machine until unlock.
func (d directory) lock() (unlock func(), err error) {
	f, err := d.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
