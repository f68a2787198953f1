package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/cleave-sdk/cleave/ocall"
)

// What is made for the socket: a directory of that name, with these files.
const (
	socketDirPrefix = "cleave-"
	socketName      = "ocall.sock"
	lockName        = "cleave.lock"
)

// maxSocketPath is what fits in a socket address, with its final zero byte.
const maxSocketPath = 107

// openBridge opens the socket for ocalls, in a directory that only this user
// can enter, and returns the variable that tells the trusted half of it.
func (i *Instance) openBridge(c Config) (environment []string, err error) {
	if c.Calls == nil {
		return nil, nil
	}
	if err := c.Calls.Covers(c.Service); err != nil {
		return nil, err
	}
	l, path, err := i.listen()
	if err != nil {
		return nil, err
	}
	i.ready = make(chan struct{})
	i.agree = sync.OnceFunc(func() { close(i.ready) })
	i.serve(func(ctx context.Context) error { return c.Calls.Serve(ctx, bridge{l, i.agree}, c.Service) })
	return []string{ocall.AddressVariable + "=unix:" + path}, nil
}

// bridge is a listener that hears of the trusted half's having connected.
type bridge struct {
	net.Listener
	agree func()
}

// Agreed is called by [ocall.Mux.Serve].
func (b bridge) Agreed() { b.agree() }

// listen listens where socketPath says.
func (i *Instance) listen() (l net.Listener, path string, err error) {
	if path, err = i.socketPath(); err != nil {
		return nil, "", err
	}
	l, err = net.Listen("unix", path)
	return l, path, err
}

// socketPath makes a directory for the socket. Those that hosts have left
// behind which were killed are removed.
func (i *Instance) socketPath() (string, error) {
	parent := socketParent(os.TempDir())
	sweep(parent)
	dir, err := os.MkdirTemp(parent, socketDirPrefix) // 0700
	if err != nil {
		return "", fmt.Errorf("no place for a socket: %w; set TMPDIR to a directory that you may write to", err)
	}
	i.onClose(func() error { return os.RemoveAll(dir) })
	release, err := claim(dir)
	if err != nil {
		return "", err
	}
	i.onClose(release)
	return filepath.Join(dir, socketName), nil
}

// socketParent is where the directory is made: in temp ($TMPDIR) if that is a
// directory and the path of the socket fits in an address. The path is
// absolute, for the trusted half has another working directory.
func socketParent(temp string) string {
	const fallback = "/tmp"
	parent, err := filepath.Abs(temp)
	if err != nil || len(filepath.Join(parent, socketDirPrefix+"1234567890", socketName)) > maxSocketPath {
		return fallback
	}
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return fallback
	}
	return parent
}
