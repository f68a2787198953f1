package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// runEGo starts the trusted half by `ego run`, which passes on the variables
// that begin with EDG_.
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
	if err := cmd.Start(); err != nil {
		return err
	}
	i.process = newCommand(cmd)
	return nil
}

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
		close(c.done)
	}()
	return c
}

func (c *command) Wait() error {
	<-c.done
	return c.err
}

func (c *command) Stop(ctx context.Context) error {
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-ctx.Done():
		c.cmd.Process.Kill()
	}
	return c.Wait()
}
