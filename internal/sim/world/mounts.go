package world

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// maxMounts is EGo's: 64 with the root.
const maxMounts = 63

// addMounts plans what is mounted by the enclave.json. Shorter targets come
// first, so that what is mounted inside another mount comes after it.
func (w *World) addMounts(mounts []manifest.Mount, base string) error {
	if len(mounts) > maxMounts {
		return fmt.Errorf("mounts: are %d, and EGo has room for %d", len(mounts), maxMounts)
	}
	for i, m := range mounts {
		planned, err := planMount(m, base)
		planned.key = fmt.Sprintf("mounts[%d]", i)
		if err != nil {
			return fmt.Errorf("%s.%w", planned.key, err)
		}
		w.mounts = append(w.mounts, planned)
	}
	w.sort()
	for i := range w.mounts {
		if err := w.place(i); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) sort() {
	slices.SortStableFunc(w.mounts, func(a, b mount) int { return cmp.Compare(len(a.target), len(b.target)) })
}

func planMount(m manifest.Mount, base string) (mount, error) {
	target, err := inside(m.Target)
	if err != nil {
		return mount{}, err
	}
	switch {
	case m.Type == "memfs" && target == "/":
		return mount{}, errors.New("target: / is a memfs already, and EGo does not start if it is mounted again; leave this mount out")
	case m.Type == "memfs":
		return mount{target: target, readOnly: m.ReadOnly}, nil
	case target == "/" && (m.ReadOnly || path.Clean(m.Source) != "/"):
		return mount{}, errors.New("target: is /, where EGo mounts the whole of the host's file system for reading and writing, whatever " +
			"source and readOnly say; mount the directories that are needed, each at a target of its own")
	}
	source, info, err := outside(m.Source, base)
	if err != nil {
		return mount{}, err
	}
	return mount{source: source, target: target, file: !info.IsDir(), readOnly: m.ReadOnly}, nil
}

// inside is a target as a path without detours.
func inside(target string) (string, error) {
	if !path.IsAbs(target) || slices.Contains(strings.Split(target, "/"), "..") {
		return "", fmt.Errorf("target: is %q; write an absolute path inside the enclave, without '..'", target)
	}
	return path.Clean(target), nil
}

// outside looks for what is mounted. The source may be, or lead through, a
// symbolic link: it is the host's, who says what is there anyway.
func outside(source, base string) (string, os.FileInfo, error) {
	if !filepath.IsAbs(source) {
		if !filepath.IsAbs(base) {
			return "", nil, fmt.Errorf("source: is relative to EDG_CWD, which is %q; let that be an absolute path, or not be set", base)
		}
		source = filepath.Join(base, source)
	}
	info, err := os.Stat(source)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("source: %w; make it before the launch (it is looked for from the host's working directory)", err)
	case !info.IsDir() && !info.Mode().IsRegular():
		return "", nil, fmt.Errorf("source: %s is neither a directory nor a file", source)
	}
	return filepath.Clean(source), info, nil
}

// place sees to it that mount i has something to be mounted on. In memory that
// can be made; on the host's file system nothing is.
func (w *World) place(i int) error {
	m := &w.mounts[i]
	above, rest := w.above(m.target)
	switch {
	case above == nil || above.memory():
		return nil
	case above.file:
		return fmt.Errorf("%s.target: %s is inside %s, which is a file", m.key, m.target, above.key)
	}
	on := filepath.Join(above.source, rest)
	info, err := os.Lstat(on)
	if err != nil {
		return fmt.Errorf("%s.target: is inside %s, where there is nothing to mount it on: %w; make it on the host", m.key, above.key, err)
	}
	if info.Mode()&os.ModeSymlink != 0 || info.IsDir() == m.file {
		return fmt.Errorf("%s.target: is inside %s, where %s is not %s; mount it elsewhere", m.key, above.key, on, m.kind())
	}
	m.found = true
	return nil
}

func (m mount) kind() string {
	if m.file {
		return "a file"
	}
	return "a directory"
}

// above is the mount that a target is in, but not the mount at it, and the
// target's path there.
func (w *World) above(target string) (best *mount, rest string) {
	for i := range w.mounts {
		m := &w.mounts[i]
		if m.target == target || !contains(m.target, target) || best != nil && len(m.target) < len(best.target) {
			continue
		}
		best, rest = m, strings.TrimPrefix(target, m.target)
	}
	return best, rest
}

// at is the mount that a path is in or the target of.
func (w *World) at(target string) *mount {
	if i := slices.IndexFunc(w.mounts, func(m mount) bool { return m.target == target }); i >= 0 {
		return &w.mounts[i]
	}
	m, _ := w.above(target)
	return m
}

// contains reports whether a path is dir or below it.
func contains(dir, path string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}
