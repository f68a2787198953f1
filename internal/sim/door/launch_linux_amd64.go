package door

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func start(ctx context.Context, c Config) (*Child, error) {
	type outcome struct {
		child *Child
		err   error
	}
	out := make(chan outcome, 1)
	go onOwnThread(func() {
		child, end, err := launch(ctx, c)
		out <- outcome{child, err}
		if err == nil {
			<-child.done
			end()
		}
	})
	o := <-out
	return o.child, o.err
}

// onOwnThread runs f on a thread that serves nothing else and ends with f: it
// is locked and never unlocked (runtime.LockOSThread), and the runtime starts
// no thread from a locked one, which would inherit its filter. It must not be
// the process's first thread, which cannot end before the others.
func onOwnThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	locked := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(locked)
		f()
	}()
	<-locked // not on this thread, then
	runtime.UnlockOSThread()
}

// launch filters the calling thread and starts the child from it. That thread
// must call end once the child has ended.
func launch(ctx context.Context, c Config) (child *Child, end func(), err error) {
	l, err := install()
	if err != nil {
		return nil, nil, err
	}
	k, l, err := newLeash(l)
	if err != nil {
		l.close()
		return nil, nil, err
	}
	l.favourLatency()
	s := newServer(l)
	go s.serve()
	child, arena, err := startTested(ctx, c, k)
	if err != nil {
		close(s.launched)
		k.close()
		return nil, nil, err
	}
	go child.reap()
	s.launched <- launched{child, arena, c.Handler}
	return child, func() { s.dismiss(); k.close() }, nil
}

func startTested(ctx context.Context, c Config, k *leash) (*Child, *arena, error) {
	if err := test(); err != nil {
		return nil, nil, err
	}
	cmd, furnish, err := startProcess(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	arena, err := furnishTied(cmd.Process.Pid, furnish, k)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, nil, err
	}
	return &Child{cmd: cmd, done: make(chan struct{})}, arena, nil
}

func furnishTied(pid int, furnish func(int) (*arena, error), k *leash) (*arena, error) {
	if err := k.tie(pid); err != nil {
		return nil, err
	}
	return furnish(pid)
}

// startProcess starts the child, stopped before its first instruction if it
// may be traced, and says how to come by the arena.
func startProcess(ctx context.Context, c Config) (*exec.Cmd, func(pid int) (*arena, error), error) {
	cmd := command(ctx, c)
	cmd.SysProcAttr.Ptrace = true
	err := cmd.Start()
	if err == nil {
		return cmd, inject, nil
	}
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ENOSYS) {
		return nil, nil, err
	}
	return startUntraced(ctx, c)
}

// startUntraced is for where ptrace is denied, by a tracer of this process
// that follows its children or by a seccomp profile.
func startUntraced(ctx context.Context, c Config) (*exec.Cmd, func(pid int) (*arena, error), error) {
	tail := newEnvTail()
	c.Env = append(c.Env[:len(c.Env):len(c.Env)], tail.variables()...)
	cmd := command(ctx, c)
	return cmd, tail.furnish, cmd.Start()
}

// copyDelay bounds the copying of input and output after the child's end.
const copyDelay = 5 * time.Second

func command(ctx context.Context, c Config) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path)
	cmd.Path, cmd.Err = c.Path, nil // not looked up
	if len(c.Args) > 0 {
		cmd.Args = c.Args
	}
	cmd.Env = append([]string{}, c.Env...) // nil would be the environment of this process
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdin, c.Stdout, c.Stderr
	cmd.WaitDelay = copyDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}
