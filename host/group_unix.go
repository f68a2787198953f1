//go:build unix

package host

import (
	"os"
	"syscall"
)

// ownGroup keeps a terminal's Ctrl-C from the child: the host hears it, and
// ends the child when it is done with it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func terminateGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGTERM) }

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
