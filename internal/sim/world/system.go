package world

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// names are the files by which C libraries and Go resolve names. EGo's runtime
// has the host resolve them.
var names = []string{"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"}

// addNames leaves out what the enclave.json has a say in.
func (w *World) addNames() {
	for _, name := range names {
		w.addFile(name)
	}
}

// addFile adds a file of the host, if there is one, where nothing else is.
func (w *World) addFile(name string) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || w.taken(name) {
		return
	}
	if m := w.at(name); m == nil || m.memory() && m.target != name {
		w.add(mount{key: name, source: name, target: name, file: true, readOnly: true})
	}
}

// taken reports whether a file of the enclave.json is in a path's way.
func (w *World) taken(path string) bool {
	for _, f := range w.files {
		if contains(clean(f), path) {
			return true
		}
	}
	return false
}

func (w *World) add(m mount) {
	w.mounts = append(w.mounts, m)
	w.sort()
}

// addSockets makes sockets reachable by their path.
func (w *World) addSockets(sockets []string) error {
	for _, socket := range sockets {
		dir := filepath.Dir(socket)
		if err := w.addSocket(dir); err != nil {
			return fmt.Errorf("the socket %s: %w", socket, err)
		}
	}
	return nil
}

func (w *World) addSocket(dir string) error {
	m := w.at(dir)
	switch {
	case w.taken(dir):
		return errors.New("a file of the enclave.json is in the way; choose another target, or set TMPDIR to another directory")
	case m == nil || m.memory() && m.target != dir:
		w.add(mount{key: "the socket for ocalls", source: dir, target: dir, readOnly: true})
		return nil
	case m.source != "" && sameFile(filepath.Join(m.source, strings.TrimPrefix(dir, m.target)), dir):
		return nil
	}
	return fmt.Errorf("%s hides it; set TMPDIR to a directory that is not below %s", m.key, m.target)
}

func sameFile(a, b string) bool {
	as, err := os.Stat(a)
	if err != nil {
		return false
	}
	bs, err := os.Stat(b)
	return err == nil && os.SameFile(as, bs)
}

var libraries = []string{"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib"}

// stores are where else software is installed, which everybody may read and
// only root writes: EGo's own libraries, and those of Nix and Guix.
var stores = []string{"/opt/ego", "/opt/edgelessrt", "/nix/store", "/gnu/store"}

// addLibraries adds the system's libraries for a program that is not static.
func (w *World) addLibraries(exe string) error {
	also, dynamic, err := loader(exe)
	if err != nil || !dynamic {
		return err
	}
	dirs := slices.Clone(libraries)
	for _, dir := range also {
		more, err := w.moreLibraries(filepath.Clean(dir))
		if err != nil {
			return fmt.Errorf("exe: %s %w", exe, err)
		}
		dirs = append(dirs, more...)
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	for _, dir := range dirs {
		if err := w.addLibrary(dir, dirs); err != nil {
			return err
		}
	}
	w.addFile("/etc/ld.so.cache")
	return nil
}

// moreLibraries is a directory that the program itself names, if it is to be
// added: anything at all may be in it.
func (w *World) moreLibraries(dir string) ([]string, error) {
	within := func(above string) bool { return contains(above, dir) }
	info, err := os.Stat(dir)
	switch m := w.at(dir); {
	case slices.ContainsFunc(libraries, within), err != nil || !info.IsDir():
		return nil, nil
	case m != nil && !m.memory(), slices.ContainsFunc(stores, func(s string) bool { return dir != s && contains(s, dir) }):
		return []string{dir}, nil
	}
	return nil, fmt.Errorf("looks for libraries in %s, which is no directory of the system's libraries and would be seen whole; "+
		"mount it in the enclave.json if that is meant, or link the program without -rpath", dir)
}

// addLibrary adds a directory of libraries. Where the enclave.json mounts the
// host's file system, it is left to that.
func (w *World) addLibrary(dir string, dirs []string) error {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil
	}
	if m := w.at(dir); m != nil && !m.memory() {
		m.program = true
		return nil
	}
	if err := w.free(dir); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir && slices.Contains(dirs, real) {
		w.links = append(w.links, link{content: real, target: dir})
		return nil
	}
	w.add(mount{key: "the system's " + dir, source: dir, target: dir, readOnly: true, program: true})
	return nil
}

// free refuses what the enclave.json has in a directory of libraries.
func (w *World) free(dir string) error {
	const instead = "; choose another target, or build the program with CGO_ENABLED=0, so that it needs no libraries"
	for i, f := range w.files {
		if contains(dir, clean(f)) || contains(clean(f), dir) {
			return fmt.Errorf("files[%d].target: %s, where a dynamically linked program has the system's libraries"+instead, i, clean(f))
		}
	}
	for _, m := range w.mounts {
		if contains(dir, m.target) {
			return fmt.Errorf("%s.target: %s, where a dynamically linked program has the system's libraries"+instead, m.key, m.target)
		}
	}
	return nil
}

// loader reports whether a program is dynamically linked, and where it looks
// for its loader and libraries besides the usual places. It says what it likes.
func loader(exe string) (dirs []string, dynamic bool, err error) {
	f, err := elf.Open(exe)
	if err != nil {
		return nil, false, fmt.Errorf("exe: %s: %w", exe, err)
	}
	defer f.Close()
	i := slices.IndexFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if i < 0 {
		return nil, false, nil
	}
	const maxPath = 4096
	b, err := io.ReadAll(io.LimitReader(f.Progs[i].Open(), maxPath))
	if err != nil {
		return nil, false, fmt.Errorf("exe: %s: %w", exe, err)
	}
	dirs = append(dirs, filepath.Dir(strings.TrimRight(string(b), "\x00")))
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, _ := f.DynString(tag) // none if it cannot be read
		for _, p := range paths {
			dirs = append(dirs, filepath.SplitList(p)...)
		}
	}
	return slices.DeleteFunc(dirs, func(dir string) bool { return !filepath.IsAbs(dir) }), true, nil
}
