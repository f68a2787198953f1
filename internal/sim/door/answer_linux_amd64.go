package door

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// pending is a call whose thread waits for the answer.
type pending interface {
	caller
	// respond makes the call return. The error is ErrGone if it is no longer
	// made.
	respond(value uint64) error
}

// launched is whom to answer and how.
type launched struct {
	child   *Child
	arena   *arena
	handler func(*Call) uint64
}

// answer makes a call return what the handler says, or else ends the child.
func (l launched) answer(p pending, number int, args [6]uint64) {
	c := &Call{Number: number, Args: args, caller: p, arena: l.arena}
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
	err = c.respond(p, l.handler(c))
}

func (c *Call) respond(p pending, value uint64) error {
	if int64(value) < 0 && int64(value) >= -4095 {
		return fmt.Errorf("the handler answered call %d with %#x, which is an errno", c.Number, value)
	}
	err := p.respond(value)
	if errors.Is(err, ErrGone) {
		c.undo()
		return nil
	}
	return err
}
