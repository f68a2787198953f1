package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// runEGo starts the trusted half by `ego run`, which passes on the variables
// that begin with EDG_. The enclave is in a child of the ego command, so both
// are signalled as the process group they are.
func (i *Instance) runEGo(c Config, m *manifest.Manifest, environment []string) error {
	ego := c.EGo
	if ego == "" {
		found, err := exec.LookPath("ego")
		if err != nil {
			return fmt.Errorf("EGo is not installed (%w): install it for SGX, or set Simulate where there is none", err)
		}
		ego = found
	}
	cmd := exec.CommandContext(i.ctx, ego, append([]string{"run", m.Executable()}, c.Args...)...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = outputDelay
	if err := cmd.Start(); err != nil {
		return err
	}
	i.process = newCommand(cmd)
	return nil
}

// outputDelay is how long output may go on after the ego command has ended.
const outputDelay = 5 * time.Second

// command is a process of package os/exec that any number may wait for.
type command struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func newCommand(cmd *exec.Cmd) *command {
	c := &command{cmd: cmd, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		killGroup(cmd.Process) // whatever the command has left behind
		close(c.done)
	}()
	return c
}

func (c *command) Wait() error {
	<-c.done
	return c.err
}

func (c *command) Stop(ctx context.Context) error {
	terminateGroup(c.cmd.Process)
	select {
	case <-c.done:
	case <-ctx.Done():
		killGroup(c.cmd.Process)
	}
	return c.Wait()
}
