package world

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// Build makes the world in a child and closes the child's descriptors above 2.
// If there is an error, which is ErrRefused where the system does not allow it,
// the child is to be killed.
func (w *World) Build(c Child) error {
	b := &builder{child: c, made: map[string]bool{}}
	err := w.build(b)
	if err == nil {
		err = b.err
	}
	if err != nil {
		return fmt.Errorf("world: %w", err)
	}
	return nil
}

// build opens what is on the host, leaves the host, and only then mounts
// anything: no target can lead back.
func (w *World) build(b *builder) error {
	b.trying = true // what fails here, the system does not allow
	if err := b.separate(); err != nil {
		return err
	}
	b.call("mount", unix.SYS_MOUNT, "", "/", "", unix.MS_REC|unix.MS_SLAVE, 0)
	root := w.openRoot(b)
	b.trying = false
	sources := w.openSources(b)
	b.trying = true
	b.enter(root)
	b.trying = false
	w.fill(b, sources)
	b.shut()
	w.restrict(b)
	b.workIn(w.dir)
	return b.renounce()
}

// hostRoot is the mount at /, if the enclave.json has one.
func (w *World) hostRoot() *mount {
	if len(w.mounts) > 0 && w.mounts[0].target == "/" {
		return &w.mounts[0]
	}
	return nil
}

func (w *World) openRoot(b *builder) descriptor {
	if m := w.hostRoot(); m != nil {
		return b.open(*m)
	}
	return b.memory(w.size)
}

// openSources opens the host's part of every mount but the root.
func (w *World) openSources(b *builder) []descriptor {
	sources := make([]descriptor, len(w.mounts))
	for i, m := range w.mounts {
		if !m.memory() && m.target != "/" {
			sources[i] = b.open(m)
		}
	}
	return sources
}

// store is where EGo keeps the content of memfs mounts, which can be reached by
// either path.
const store = "/edg/mnt"

func (w *World) fill(b *builder, sources []descriptor) {
	for i, m := range w.mounts {
		if m.target == "/" {
			continue
		}
		if m.memory() {
			sources[i] = w.memfs(b, m)
		}
		if !m.found {
			b.make(m)
		}
		b.mount(sources[i], m)
	}
	for _, l := range w.links {
		b.directories(path.Dir(l.target))
		b.call("symlinkat", unix.SYS_SYMLINKAT, l.content, at, l.target)
	}
	for _, f := range w.files {
		b.write(clean(f), f.Content)
	}
}

// restrict makes memory read-only, now that everything in it is made and no
// file is open for writing.
func (w *World) restrict(b *builder) {
	for _, m := range w.mounts {
		if m.memory() && m.readOnly {
			b.restrict(at, m.target, 0, unix.MOUNT_ATTR_RDONLY)
		}
	}
}

// memfs is a directory of the root's, or where the root is the host's, a memfs
// of its own.
func (w *World) memfs(b *builder, m mount) descriptor {
	if w.hostRoot() != nil {
		return b.memory(w.size)
	}
	dir := path.Join(store, m.target)
	b.directories(dir)
	return b.clone(dir)
}
