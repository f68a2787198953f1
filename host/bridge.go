package host

import (
	"context"
	"net"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/ocall"
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
	path, err := i.socketPath()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	i.serve(func(ctx context.Context) error { return c.Calls.Serve(ctx, l, c.Service) })
	return []string{ocall.AddressVariable + "=unix:" + path}, nil
}

func (i *Instance) socketPath() (string, error) {
	const name = "ocall.sock"
	parent := os.TempDir()
	if len(filepath.Join(parent, "cleave-1234567890", name)) > maxSocketPath {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "cleave-") // 0700
	if err != nil {
		return "", err
	}
	i.onClose(func() error { return os.RemoveAll(dir) })
	return filepath.Join(dir, name), nil
}
