package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// FindEGo returns the ego command: that of $EGO_HOME/bin if EGO_HOME is set, or
// else in PATH, or else where EGo's packages put it. The error is ErrNoEGo.
func FindEGo() (string, error) {
	if home := os.Getenv("EGO_HOME"); home != "" {
		return lookEGo(filepath.Join(home, "bin", "ego"), "correct EGO_HOME, or unset it to have ego looked for in PATH")
	}
	if found, err := exec.LookPath("ego"); err == nil {
		return filepath.Abs(found)
	}
	return lookEGo("/opt/ego/bin/ego", "install it for SGX, or simulate where there is none")
}

func lookEGo(path, remedy string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("%w (%w): %s", ErrNoEGo, err, remedy)
	}
	return found, nil
}

// runEGo starts the trusted half by `ego run`, which passes on the variables
// that begin with EDG_. The enclave is in a child of the ego command, so both
// are signalled as the process group they are.
func (i *Instance) runEGo(c Config, m *manifest.Manifest, environment []string) error {
	ego := c.EGo
	if ego == "" {
		found, err := FindEGo()
		if err != nil {
			return err
		}
		ego = found
	}
	environment, err := c.quotesEnviron(append(os.Environ(), environment...))
	if err != nil {
		return err
	}
	said := new(beginning)
	cmd := exec.CommandContext(i.ctx, ego, append([]string{"run", m.Executable()}, c.Args...)...)
	cmd.Env = environment
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, io.MultiWriter(c.Stdout, said), io.MultiWriter(c.Stderr, said)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = outputDelay
	if err := cmd.Start(); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNoEGo, err)
	} else if err != nil {
		return err
	}
	i.process = newCommand(cmd, said)
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

func newCommand(cmd *exec.Cmd, said *beginning) *command {
	c := &command{cmd: cmd, done: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		killGroup(cmd.Process) // whatever the command has left behind
		c.err = said.explain(err)
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
