package gramtest

import (
	"runtime"
	"strings"
	"syscall"

	"github.com/cleave-sdk/cleave/internal/platform/gramine"
)

var _ gramine.SystemCalls = (*Tree)(nil)

// Open loads what is in the file.
func (t *Tree) Open(name string, flags int) (int, error) {
	defer runtime.Gosched() // to whoever does not take turns
	t.mu.Lock()
	defer t.mu.Unlock()
	h, errno := t.lookup(name, flags&^syscall.O_CLOEXEC)
	if errno != 0 {
		return -1, errno
	}
	if t.open == nil {
		t.open = make(map[int]*handle)
	}
	t.opened++
	t.open[t.opened] = h
	return t.opened, nil
}

func (t *Tree) lookup(name string, flags int) (*handle, syscall.Errno) {
	for at, content := range t.Mounted {
		if name == at || strings.HasPrefix(name, at+"/") {
			return &handle{content: append([]byte(nil), content...), device: elsewhere}, 0
		}
	}
	n := t.nodes()[name]
	switch {
	case n == nil:
		return nil, syscall.ENOENT
	case n.directory && flags != syscall.O_RDONLY:
		return nil, syscall.EISDIR
	case flags != syscall.O_RDONLY && n.save == nil:
		return nil, syscall.EACCES
	}
	h := &handle{node: n, device: pseudo}
	if n.load == nil {
		return h, 0
	}
	content, errno := n.load()
	h.content = content
	return h, errno
}

// Device implements [gramine.SystemCalls].
func (t *Tree) Device(fd int) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.open[fd]
	if h == nil {
		return 0, syscall.EBADF
	}
	return h.device, nil
}

// Read implements [gramine.SystemCalls].
func (t *Tree) Read(fd int, b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.open[fd]
	switch {
	case h == nil:
		return -1, syscall.EBADF
	case h.node != nil && h.node.directory:
		return -1, syscall.EISDIR
	}
	n := copy(b, h.content[h.at:])
	h.at += n
	return n, nil
}

// Write replaces what is in the file, and what the handle reads.
func (t *Tree) Write(fd int, b []byte) (int, error) {
	defer runtime.Gosched()
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.open[fd]
	switch {
	case h == nil:
		return -1, syscall.EBADF
	case h.node == nil: // a mount's, which the host keeps
		return len(b), nil
	case h.node.save == nil:
		return -1, syscall.EACCES
	}
	h.node.save(b)
	h.content = append([]byte(nil), b...)
	h.at = len(b)
	return len(b), nil
}

// Close implements [gramine.SystemCalls].
func (t *Tree) Close(fd int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[fd] == nil {
		return syscall.EBADF
	}
	delete(t.open, fd)
	return nil
}

// Handles is how many files are open.
func (t *Tree) Handles() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}
