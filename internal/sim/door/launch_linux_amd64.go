package door

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func start(ctx context.Context, c Config) (*Child, error) {
	if c.Door == Trap {
		child, _, err := startBy(ctx, c, launchTrap)
		return child, err
	}
	child, untried, err := startBy(ctx, c, launchNotify)
	if c.Door == Notify || !untried {
		return child, err
	}
	child, _, err2 := startBy(ctx, c, launchTrap)
	return child, neither(err, err2)
}

// neither is the reason why there is no door at all, if that is what the second
// error says.
func neither(notify, trap error) error {
	var n, t *lack
	if errors.As(notify, &n) && errors.As(trap, &t) {
		return unavailable(n.reason()+"; nor by traps: "+t.why, t.err)
	}
	return trap
}

// outcome is what comes of starting a child by one door.
type outcome struct {
	child   *Child
	attend  func() // returns when the child has ended
	err     error
	untried bool // there is no such door, and no process was started
}

// startBy has the child started, and attended to, on a thread of its own.
func startBy(ctx context.Context, c Config, launch func(context.Context, Config) outcome) (*Child, bool, error) {
	out := make(chan outcome, 1)
	go onOwnThread(func() {
		o := launch(ctx, c)
		out <- o
		if o.err == nil {
			o.attend()
		}
	})
	o := <-out
	return o.child, o.untried, o.err
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

// launchNotify filters the calling thread and starts the child from it.
func launchNotify(ctx context.Context, c Config) outcome {
	l, err := install()
	if err != nil {
		return outcome{err: err, untried: true}
	}
	k, l, err := newLeash(l)
	if err != nil {
		l.close()
		return outcome{err: err}
	}
	l.favourLatency()
	s := newServer(l)
	go s.serve()
	abandon := func(o outcome) outcome { close(s.launched); k.close(); return o }
	if err := test(); err != nil {
		return abandon(outcome{err: err, untried: true})
	}
	child, arena, err := startTied(ctx, c, k)
	if err != nil {
		return abandon(outcome{err: err})
	}
	go child.reap()
	s.launched <- launched{child, arena, c.Handler}
	return outcome{child: child, attend: func() { <-child.done; s.dismiss(); k.close() }}
}

func startTied(ctx context.Context, c Config, k *leash) (*Child, *arena, error) {
	cmd, err := startTraced(ctx, c)
	if err != nil {
		return nil, nil, explainTraced(ctx, c, err)
	}
	var arena *arena
	if err = k.tie(cmd.Process.Pid); err == nil {
		arena, err = injectAndRelease(cmd.Process.Pid, c)
	}
	if err != nil {
		return nil, nil, abort(cmd, err)
	}
	return newChild(cmd, Notify), arena, nil
}

func newChild(cmd *exec.Cmd, d Door) *Child {
	return &Child{cmd: cmd, door: d, done: make(chan struct{})}
}

// abort ends a child that did not begin.
func abort(cmd *exec.Cmd, err error) error {
	cmd.Process.Kill()
	cmd.Wait()
	return err
}

// launchTrap starts the child and puts the filter on it alone.
func launchTrap(ctx context.Context, c Config) outcome {
	cmd, err := startTraced(ctx, c)
	if err != nil {
		return outcome{err: explainTraced(ctx, c, err)}
	}
	t := &tracee{pid: cmd.Process.Pid}
	arena, err := t.inject(c, Trap)
	if err == nil {
		err = t.seize()
	}
	if err != nil {
		return outcome{err: abort(cmd, err)}
	}
	child := newChild(cmd, Trap)
	tracer := newTracer(launched{child, arena, c.Handler})
	return outcome{child: child, attend: func() { tracer.serve(); child.reap() }}
}

// explainTraced makes an error of startTraced say what it means.
func explainTraced(ctx context.Context, c Config, err error) error {
	if c.Namespaces != 0 && startable(ctx, c) {
		return fmt.Errorf("%w: %w; %s", ErrNamespaces, err, whyNoNamespaces(err))
	}
	if denied(err, c) {
		return unavailable("the child may not be traced; "+whyNoTrace(), err)
	}
	return err
}

func injectAndRelease(pid int, c Config) (*arena, error) {
	t := &tracee{pid: pid}
	arena, err := t.inject(c, Notify)
	if err != nil {
		return nil, err
	}
	return arena, t.release()
}

// startTraced starts the child, stopped before its first instruction.
func startTraced(ctx context.Context, c Config) (*exec.Cmd, error) {
	cmd := command(ctx, c)
	cmd.SysProcAttr.Ptrace = true
	setNamespaces(cmd.SysProcAttr, c.Namespaces)
	return cmd, cmd.Start()
}

// denied reports whether a traced start failed for being traced. The kernel's
// errors for that are a program's too.
func denied(err error, c Config) bool {
	if errors.Is(err, unix.EACCES) {
		path := c.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.Dir, path)
		}
		return unix.Access(path, unix.X_OK) == nil
	}
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS)
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
