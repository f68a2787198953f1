// Package door is how the runtime calls of a child process reach this one.
//
// A program built for EGo asks its runtime for reports, quotes and keys by
// ten system call numbers, 1000 to 1009, that no kernel has. Start runs such
// a program, as it is, on an ordinary kernel, and hands every one of those
// calls to a Handler in the calling process, which sees the arguments, reads
// and writes the child's memory, and says what the call returns.
//
// # Two doors
//
// Notify rests on seccomp user notification, seccomp_unotify(2). A thread of
// this process, made for the purpose, puts the filter on itself and starts the
// child, which inherits it; the other threads stay free of it. It takes Linux
// 5.19.
//
// Trap puts a filter on the child alone, which stops a thread that makes a
// call, and a thread of this process catches it by ptrace(2). It costs several
// times as much and leaves no room for a debugger, but serves where Notify does
// not: on older kernels, from 5.0, and under the profiles of containers, whose
// error for unknown calls outranks a notification and not a trap.
//
// In both, that thread lives as long as the child, because the kernel ties the
// child's life to it. Start takes the first door that passes a test.
//
// # What a call may never return
//
// A program told ENOSYS believes that it is not in an enclave; EGo then seals
// under a key of zeros and reports no error. So a call is answered by the
// Handler or never: Start proves the filter by calls of its own before the
// child executes its first instruction, and whatever goes wrong later, a panic
// of the Handler and the death of this process included, kills the child, which
// can leave no other process behind.
//
// That takes ptrace(2), for a moment with Notify too. Where it is denied, under
// strace -f or a debugger, or by the sysctl kernel.yama.ptrace_scope, Start
// refuses.
//
// # What of EGo there is
//
// As in EGo the child has no descriptors above 2. It starts threads but no
// process, and sends signals to none. It hears no signal either: a handler for
// one that a program may wait for is accepted and never called, so that
// SIGTERM ends it; those for faults, and those that Go's runtime and C's
// threads send themselves, work. It makes the calls that EGo has, and a few that
// the runtimes of Go and C need on Linux; all others fail with ENOSYS: prctl,
// pipes, io_uring, memfd, mapping a file into memory by MAP_SHARED, symbolic
// links, owners and times of files, keyrings, limits and scheduling of any
// process. Of ioctl(2) and fcntl(2) there is what asks, locks, and makes
// descriptors non-blocking: none types into a terminal (ENOTTY) or has signals
// sent (EINVAL).
//
// Not reproduced: what EGo accepts and ignores (mprotect, mlock), calls it lacks
// that are harmless, mapping a file by MAP_PRIVATE (a dynamically linked
// program is loaded so), the lack of preemption and the limit on threads, and
// the coarse clock. The file system, network and user are those of this process,
// unless Namespaces and Prepare give others, and so are its rights: the child
// is confined for likeness, not for safety.
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

// ErrNamespaces is in the error of Start when the kernel gives this process no
// such namespaces; without them the program starts. The error of the kernel is
// in it too.
var ErrNamespaces = errors.New("the kernel gives this process no such namespaces")

// lack is why a door is none.
type lack struct {
	why string
	err error // of the system, or nil
}

func unavailable(why string, err error) error { return &lack{why, err} }

func (l *lack) Error() string { return ErrUnavailable.Error() + ": " + l.reason() }

func (l *lack) Unwrap() []error { return []error{ErrUnavailable, l.err} }

func (l *lack) reason() string {
	if l.err == nil {
		return l.why
	}
	return l.why + ": " + l.err.Error()
}

// Config is a program to run and how to answer it. It is not changed.
type Config struct {
	Path string   // the executable, which must be readable; relative to Dir
	Args []string // including the program's name; if empty, Path alone
	Env  []string // the whole environment; if nil, empty
	Dir  string   // if empty, the directory of this process

	// As in os/exec: if nil, the null device. A reader or writer that is not
	// an *os.File is copied through a pipe by a goroutine, which has five
	// seconds to finish after the program has. None is a directory, from which
	// the child would reach what is above it.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Namespaces are the CLONE_NEW flags of clone(2) for namespaces(7) of the
	// child's own. With CLONE_NEWUSER it keeps its user and group id, has every
	// capability in there until Prepare has returned, and then none. With
	// others alone it keeps those of this process, but for what Prepare drops.
	Namespaces uintptr

	// Prepare, if not nil, is called while the child stands before its first
	// instruction, to arrange its surroundings. If it returns an error the
	// child is killed, and Start returns an error that wraps it. Prepare may be
	// called more than once, for another child each time.
	Prepare func(*Stopped) error

	// Door is how calls come, if it matters.
	Door Door

	// Handler answers a call with what it returns in the child's first
	// result register. It is called by up to 64 goroutines at once. If it
	// panics, or returns what the kernel would read as an errno (the last 4095
	// values of a uint64), the child is killed and Wait says why.
	Handler func(*Call) uint64
}

// Start starts a program and answers its calls until it ends. When ctx ends,
// the program is killed. The error is ErrUnavailable where this system cannot
// do it, ErrNamespaces where it cannot do all of it, and otherwise that of
// Prepare or of starting a process.
func Start(ctx context.Context, c Config) (*Child, error) {
	if c.Path == "" || c.Handler == nil {
		return nil, errors.New("door: a Config needs a Path and a Handler")
	}
	if err := c.checkStreams(); err != nil {
		return nil, fmt.Errorf("door: %w", err)
	}
	child, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("door: %w", err)
	}
	return child, nil
}

// Door is a way for calls to come.
type Door int

const (
	Any    Door = iota // Notify if the system has it, or else Trap
	Notify             // seccomp user notification
	Trap               // seccomp traps, caught by ptrace
)

func (d Door) String() string {
	switch d {
	case Any:
		return "any"
	case Notify:
		return "notify"
	case Trap:
		return "trap"
	}
	return "invalid"
}

// Child is a running program. Its methods are safe for concurrent use.
type Child struct {
	cmd  *exec.Cmd
	door Door
	done chan struct{} // closed after err is set

	mu    sync.Mutex
	cause error // why the child was killed from here
	err   error
}

// Pid is the child's process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Door is how the child's calls come: Notify or Trap.
func (c *Child) Door() Door { return c.door }

// Wait waits until the program has ended and its output is copied. The error
// is nil for status 0, that of the door if it killed the child, and otherwise
// as from os/exec, an *exec.ExitError for another status or a signal.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Stop asks the program to end, by SIGTERM, and kills it when ctx ends. It
// returns as Wait does. SIGTERM does not end a program that is the first
// process of its CLONE_NEWPID, nor by Trap one all of whose threads wait for
// answers.
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
