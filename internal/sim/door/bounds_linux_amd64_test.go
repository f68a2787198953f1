package door

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"unsafe"
)

// onListener runs f with a listener that nobody calls.
func onListener(t *testing.T, f func(listener)) {
	done := make(chan error)
	go onOwnThread(func() {
		l, err := install()
		if err == nil {
			f(l)
			l.close()
		}
		done <- err
	})
	if err := <-done; err != nil {
		t.Skip(err)
	}
}

// The thread id of a call that is over may be anybody's: here it is this
// process's, whose memory could well be read.
func TestStaleCallsMoveNothing(t *testing.T) {
	onListener(t, func(l listener) {
		secret := []byte("secret")
		addr := uint64(uintptr(unsafe.Pointer(&secret[0])))
		c := &Call{caller: pausedThread{process(os.Getpid()), l, 12345}}
		if b, err := c.Read(addr, len(secret)); !errors.Is(err, ErrGone) || b != nil {
			t.Errorf("read %q, %v", b, err)
		}
		if err := c.Write(addr, []byte("public")); !errors.Is(err, ErrGone) || string(secret) != "secret" {
			t.Errorf("wrote %q, %v", secret, err)
		}
	})
}

func TestUnwantedAnswersAreTakenBack(t *testing.T) {
	onListener(t, func(l listener) {
		self := process(os.Getpid())
		room := make([]byte, 4096)
		a, err := newArena(self, span{uint64(uintptr(unsafe.Pointer(&room[0]))), uint64(len(room))})
		if err != nil {
			t.Fatal(err)
		}
		c := &Call{caller: self, arena: a}
		freed, err1 := c.Alloc(100)
		_, err2 := c.Alloc(100)
		if err1 != nil || err2 != nil || !c.Free(freed) {
			t.Fatal(err1, err2)
		}
		another, err := (&Call{caller: self, arena: a}).Alloc(100)
		if err != nil || another != freed {
			t.Fatalf("the next call got %#x, want what was freed; %v", another, err)
		}
		if err := c.respond(pausedThread{self, l, 12345}, 0); err != nil {
			t.Error(err)
		}
		if len(a.blocks.used) != 2 { // the cookie and the other call's
			t.Errorf("%d blocks in use, want 2", len(a.blocks.used))
		}
	})
}

// The same where the tracer knows that the thread has ended.
func TestEndedThreadsMoveNothing(t *testing.T) {
	secret := []byte("secret")
	addr := uint64(uintptr(unsafe.Pointer(&secret[0])))
	ended := &trapped{process: process(os.Getpid())}
	ended.gone.Store(true)
	c := &Call{caller: ended}
	if b, err := c.Read(addr, len(secret)); !errors.Is(err, ErrGone) || b != nil {
		t.Errorf("read %q, %v", b, err)
	}
	if err := c.Write(addr, []byte("public")); !errors.Is(err, ErrGone) || string(secret) != "secret" {
		t.Errorf("wrote %q, %v", secret, err)
	}
}

// A trapped caller may be gone when the answer comes, by what the tracer knows
// or by what the kernel says, and the tracer too.
func TestUnwantedTrapAnswers(t *testing.T) {
	self := process(os.Getpid())
	for name, prepare := range map[string]func(*tracer, *trapped){
		"the thread is no longer traced": func(*tracer, *trapped) {},
		"the thread is known to be gone": func(_ *tracer, c *trapped) { c.gone.Store(true) },
		"nobody answers any more":        func(t *tracer, _ *trapped) { close(t.over) },
	} {
		tr := &tracer{calls: map[int]*trapped{}, answers: make(chan answered), over: make(chan struct{})}
		p := &trapped{process: self, tracer: tr}
		prepare(tr, p)
		go func() {
			select {
			case <-tr.over:
			case a := <-tr.answers:
				a.result <- tr.finish(a.call, a.value)
			}
		}()
		c := &Call{arena: &arena{blocks: newBlocks(span{16, 4096})}}
		addr, err := c.arena.blocks.alloc(100)
		if err != nil {
			t.Fatal(err)
		}
		c.made = append(c.made, addr)
		if err := c.respond(p, 0); err != nil || len(c.arena.blocks.used) != 0 {
			t.Errorf("%s: %v, %d blocks in use", name, err, len(c.arena.blocks.used))
		}
	}
}

func TestTransfersAreBounded(t *testing.T) {
	large := make([]byte, MaxTransfer+1)
	addr := uint64(uintptr(unsafe.Pointer(&large[0])))
	c := &Call{caller: process(os.Getpid())}
	if b, err := c.Read(addr, MaxTransfer); err != nil || len(b) != MaxTransfer {
		t.Errorf("reading %d bytes: %d, %v", MaxTransfer, len(b), err)
	}
	if b, err := c.Read(addr, MaxTransfer+1); !errors.Is(err, ErrFault) {
		t.Errorf("reading %d bytes: %d, %v", MaxTransfer+1, len(b), err)
	}
	if err := c.Write(addr, large[:MaxTransfer]); err != nil {
		t.Errorf("writing %d bytes: %v", MaxTransfer, err)
	}
	if err := c.Write(addr, large); !errors.Is(err, ErrFault) {
		t.Errorf("writing %d bytes: %v", MaxTransfer+1, err)
	}
}

// What is looked at here os/exec must find still.
func TestStatusIsLeft(t *testing.T) {
	cmd := exec.Command("sleep", "0")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	if _, err := stopSignal(cmd.Process.Pid); err == nil {
		t.Error("a process that ended has stopped")
	}
	if !ended(cmd.Process.Pid) {
		t.Error("a process that ended has not")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
