// Package door is how the runtime calls of a child process reach this one.
//
// A program built for EGo asks its runtime for reports, quotes and keys by
// ten system call numbers, 1000 to 1009, that no kernel has. Start runs such
// a program, as it is, on an ordinary kernel, and hands every one of those
// calls to a Handler in the calling process, which sees the arguments, reads
// and writes the child's memory, and says what the call returns.
//
// It rests on seccomp user notification, seccomp_unotify(2). A thread of this
// process, made for the purpose, puts the filter on itself and starts the
// child, which inherits it; the other threads stay free of it. That thread
// lives as long as the child, because the kernel ties the child's life to it.
//
// # What a call may never return
//
// A program told ENOSYS believes that it is not in an enclave; EGo then seals
// under a key of zeros and reports no error. So a call is answered by the
// Handler or never: Start proves the filter by a call of its own before it
// starts the child, and whatever goes wrong later, a panic of the Handler and
// the death of this process included, kills the child.
//
// # What the child is not
//
// It is not contained. The child runs with the rights of this process and can
// reach whatever it can reach. As in EGo it has no descriptors above 2 and
// can start no process: fork and exec fail with ENOSYS. Where ptrace is denied
// (under strace -f, say) Start can arrange neither, and the memory it serves
// results from is smaller.
package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// The calls that reach the Handler.
const (
	firstCall = 1000
	lastCall  = 1009
)

// ErrUnavailable is in every error of Start that says this system has no
// working door; its text says why and what to do about it.
var ErrUnavailable = errors.New("runtime calls cannot be served here")

func unavailable(why string, err error) error {
	if err == nil {
		return fmt.Errorf("%w: %s", ErrUnavailable, why)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, why, err)
}

// Config is a program to run and how to answer it. It is not changed.
type Config struct {
	Path string   // the executable, which must be readable; relative to Dir
	Args []string // including the program's name; if empty, Path alone
	Env  []string // the whole environment; if nil, empty
	Dir  string   // if empty, the directory of this process

	// As in os/exec: if nil, the null device. A reader or writer that is not
	// an *os.File is copied through a pipe by a goroutine, which has five
	// seconds to finish after the program has.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Handler answers a call with what it returns in the child's first
	// result register. It is called by up to 64 goroutines at once. If it
	// panics, or returns what the kernel would read as an errno (the last 4095
	// values of a uint64), the child is killed and Wait says why.
	Handler func(*Call) uint64
}

// Start starts a program and answers its calls until it ends. When ctx ends,
// the program is killed. The error is ErrUnavailable where this system cannot
// do it, and otherwise that of starting a process.
func Start(ctx context.Context, c Config) (*Child, error) {
	if c.Path == "" || c.Handler == nil {
		return nil, errors.New("door: a Config needs a Path and a Handler")
	}
	child, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("door: %w", err)
	}
	return child, nil
}

// Child is a running program. Its methods are safe for concurrent use.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed after err is set

	mu    sync.Mutex
	cause error // why the child was killed from here
	err   error
}

// Pid is the child's process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Wait waits until the program has ended and its output is copied. The error
// is nil for status 0, that of the door if it killed the child, and otherwise
// as from os/exec, an *exec.ExitError for another status or a signal.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Stop asks the program to end, by SIGTERM, and kills it when ctx ends. It
// returns as Wait does.
func (c *Child) Stop(ctx context.Context) error {
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-ctx.Done():
		c.cmd.Process.Kill()
	}
	return c.Wait()
}

// fail kills a child that cannot be answered as it must be.
func (c *Child) fail(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	c.mu.Unlock()
	c.cmd.Process.Kill()
}

// reap waits for the process, and for the copying of its output, once.
func (c *Child) reap() {
	err := c.cmd.Wait()
	c.mu.Lock()
	if c.cause != nil {
		err = fmt.Errorf("door: the child was killed: %w", c.cause)
	}
	c.mu.Unlock()
	c.err = err
	close(c.done)
}
