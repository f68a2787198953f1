package door

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// answer makes a call return what the handler says, or else ends the child.
func answer(to listener, l launched, n notification) {
	c := &Call{
		Number: int(n.number),
		Args:   n.args,
		caller: pausedThread{process(n.thread), to, n.id},
		arena:  l.arena,
	}
	// Deferred, since a handler may end its goroutine instead of returning.
	err := errors.New("the handler did not return")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			l.child.fail(err)
		}
	}()
	err = c.respond(to, n.id, l.handler(c))
}

func (c *Call) respond(to listener, id, value uint64) error {
	if int64(value) < 0 && int64(value) >= -4095 {
		return fmt.Errorf("the handler answered call %d with %#x, which is an errno", c.Number, value)
	}
	err := to.respond(id, value)
	if errors.Is(err, ErrGone) {
		c.undo()
		return nil
	}
	return err
}
