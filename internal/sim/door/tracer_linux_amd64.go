package door

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// tracer answers the calls that trap in a child, all of whose threads it
// traces. The kernel takes requests from the tracing thread alone, which
// serve runs on; handlers run on goroutines of their own.
type tracer struct {
	launched
	calls   map[int]*trapped // that are being made, by thread
	queue   []*trapped       // of them, those that wait for a worker
	answers chan answered
	over    chan struct{} // closed when there is nobody to answer
	bell    *bell
}

// trapped is a call whose thread stands still.
type trapped struct {
	process // the thread
	tracer  *tracer
	number  int
	regs    unix.PtraceRegs
	gone    atomic.Bool // the thread has ended; its id may be another's
}

type answered struct {
	call   *trapped
	value  uint64
	result chan error
}

func newTracer(l launched) *tracer {
	return &tracer{
		launched: l,
		calls:    map[int]*trapped{},
		answers:  make(chan answered),
		over:     make(chan struct{}),
		bell:     newBell(l.child.Pid()),
	}
}

// ourThreads has waitid wait for what this thread traces and nothing else of
// this process.
const ourThreads = unix.WALL | unix.WNOTHREAD

// serve returns when the child has ended. It leaves the child's status.
func (t *tracer) serve() {
	for t.turn() {
	}
	for _, c := range t.calls {
		c.gone.Store(true)
	}
	close(t.over)
	t.bell.close()
}

// turn does one thing, and reports whether there will be more.
func (t *tracer) turn() bool {
	stop, err := waitid(unix.P_ALL, 0, ourThreads|unix.WSTOPPED|unix.WNOHANG)
	if err == nil && stop.pid != 0 {
		t.handle(int(stop.pid), unix.Signal(stop.status&0xff), int(stop.status>>8))
		return true
	}
	// The kernel tells of stops here too.
	next, err := waitid(unix.P_ALL, 0, ourThreads|unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
	switch {
	case err != nil || next.ended() && int(next.pid) == t.child.Pid():
		return false
	case next.ended():
		t.bury(int(next.pid))
	case next.pid == 0:
		t.rest()
	}
	return true
}

// bury takes the status of a thread that has ended. Its id is not given to
// another before; the child's own, not before somebody waits for the child.
func (t *tracer) bury(thread int) {
	if c := t.calls[thread]; c != nil {
		c.gone.Store(true)
		delete(t.calls, thread)
	}
	waitid(unix.P_PID, thread, ourThreads|unix.WEXITED|unix.WNOHANG)
}

// grace is longer than most answers take. A thread that stops while others'
// answers are due may wait so long to go on.
const grace = 200 * time.Microsecond

// rest waits until there may be something to do: for the child alone when no
// answer is due, and otherwise, if that takes long, has the bell do it.
func (t *tracer) rest() {
	if len(t.calls) == 0 && !t.bell.set {
		waitid(unix.P_ALL, 0, ourThreads|unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT)
		return
	}
	var late <-chan time.Time
	if !t.bell.set {
		late = time.After(grace)
	}
	select {
	case a := <-t.answers:
		a.result <- t.finish(a.call, a.value)
	case <-t.bell.rings:
		t.bell.set = false
	case <-late:
		t.bell.arm()
	}
}

// handle lets a thread go on that has stopped, unless it ends just now.
func (t *tracer) handle(thread int, signal unix.Signal, event int) {
	if err := t.resume(thread, signal, event); err != nil && !errors.Is(err, unix.ESRCH) {
		t.child.fail(fmt.Errorf("tracing: %w", err))
	}
}

func (t *tracer) resume(thread int, signal unix.Signal, event int) error {
	switch {
	case event == unix.PTRACE_EVENT_STOP && stops(signal):
		return ptrace(unix.PTRACE_LISTEN, thread, 0) // stay stopped with the others
	case event != 0:
		return unix.PtraceCont(thread, 0)
	case signal == unix.SIGSYS:
		if called, err := t.call(thread); called || err != nil {
			return err
		}
	}
	return unix.PtraceCont(thread, int(signal))
}

// stops reports whether signal is one that stops a process.
func stops(signal unix.Signal) bool {
	return signal == unix.SIGSTOP || signal == unix.SIGTSTP || signal == unix.SIGTTIN || signal == unix.SIGTTOU
}

// call has a thread's call answered, if that is why it has stopped.
func (t *tracer) call(thread int) (bool, error) {
	c := &trapped{process: process(thread), tracer: t}
	if err := unix.PtraceGetRegs(thread, &c.regs); err != nil {
		return false, err
	}
	if c.number = trappedCall(&c.regs); c.number == 0 {
		return false, nil
	}
	t.calls[thread] = c
	t.queue = append(t.queue, c)
	t.employ()
	return true, nil
}

// employ gives the first of the queue a worker, if one is free.
func (t *tracer) employ() {
	if len(t.queue) == 0 || len(t.calls)-len(t.queue) >= maxWorkers {
		return
	}
	c := t.queue[0]
	t.queue = t.queue[1:]
	r := &c.regs
	go t.answer(c, c.number, [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9})
}

func (t *tracer) finish(c *trapped, value uint64) error {
	delete(t.calls, int(c.process))
	t.employ()
	if c.gone.Load() {
		return ErrGone
	}
	err := setResult(int(c.process), &c.regs, value)
	if err == nil {
		err = unix.PtraceCont(int(c.process), 0)
	}
	if errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return err
}

func (c *trapped) respond(value uint64) error {
	a := answered{c, value, make(chan error, 1)}
	select {
	case c.tracer.answers <- a:
		return <-a.result
	case <-c.tracer.over:
		return ErrGone
	}
}

func (c *trapped) read(addr uint64, b []byte) error {
	if err := c.process.read(addr, b); err != nil {
		return err
	}
	return c.valid()
}

func (c *trapped) write(addr uint64, b []byte) error {
	if err := c.valid(); err != nil {
		return err
	}
	return c.process.write(addr, b)
}

func (c *trapped) valid() error {
	if c.gone.Load() {
		return ErrGone
	}
	return nil
}

// bell waits for the child on a thread of its own, for a tracer that has
// something else to wait for too.
type bell struct {
	pid    int
	wanted chan struct{}
	rings  chan struct{}
	set    bool // it is waiting, or has rung
}

func newBell(pid int) *bell {
	b := &bell{pid: pid, wanted: make(chan struct{}, 1), rings: make(chan struct{}, 1)}
	go func() {
		for range b.wanted {
			waitid(unix.P_PGID, b.pid, unix.WALL|unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT)
			b.rings <- struct{}{}
		}
	}()
	return b
}

func (b *bell) arm() {
	b.set = true
	b.wanted <- struct{}{}
}

func (b *bell) close() { close(b.wanted) }
