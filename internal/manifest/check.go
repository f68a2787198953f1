package manifest

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Heap sizes in MB. EGo's own limit depends on how the program was built: with
// the build tag ego_largeheap, it has none.
const (
	maxHeap      = 1 << 20
	maxPlainHeap = 16384 // without
)

var (
	errExe  = errors.New(`exe: missing; write the path of the program, such as "exe": "server"`)
	errKey  = errors.New(`key: missing; write the path of the signing key, such as "key": "private.pem"; it is made if it is not there`)
	errHeap = errors.New(`heapSize: missing; write how many MB of memory the enclave has, such as "heapSize": 512`)
)

// printable reports whether a name says in a terminal and in a log what it is,
// and no more: a line of its own could be one that a script looks for.
func printable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) })
}

const unprintable = "choose a name without line breaks and other characters that do not print"

// check refuses what EGo would, and what it would not but cannot be meant.
func (m *Manifest) check() error {
	switch {
	case m.Exe == "":
		return errExe
	case m.Key == "":
		return errKey
	case m.HeapSize == 0:
		return errHeap
	case m.HeapSize < 0 || m.HeapSize > maxHeap:
		return fmt.Errorf("heapSize: is %d; write %s", m.HeapSize, wanted("heapSize"))
	case !printable(m.Exe):
		return fmt.Errorf("exe: is %q; %s", m.Exe, unprintable)
	case !printable(m.Key):
		return fmt.Errorf("key: is %q; %s", m.Key, unprintable)
	}
	return errors.Join(first(m.Mounts, "mounts", checkMounts), first(m.Env, "env", checkEnv), first(m.Files, "files", m.checkFiles))
}

// checker tells what is wrong with one element of a list, and knows those
// before it.
type checker[T any] func() func(T) (key, wrong string)

// first returns the first thing wrong in a list.
func first[T any](list []T, name string, c checker[T]) error {
	check := c()
	for i, element := range list {
		if key, wrong := check(element); key != "" {
			return fmt.Errorf("%s[%d].%s: %s", name, i, key, wrong)
		}
	}
	return nil
}

func checkMounts() func(Mount) (key, wrong string) {
	targets := map[string]bool{}
	return func(m Mount) (key, wrong string) {
		target := path.Clean(m.Target)
		switch {
		case !path.IsAbs(m.Target):
			return "target", fmt.Sprintf("is %q; write an absolute path inside the enclave", m.Target)
		case targets[target]:
			return "target", fmt.Sprintf("%s is mounted twice; keep one", quoteIfOdd(target))
		case m.Type != "hostfs" && m.Type != "memfs":
			return "type", fmt.Sprintf(`is %q; write "hostfs" or "memfs"`, m.Type)
		case m.Type == "hostfs" && m.Source == "":
			return "source", "missing; write the directory of the host that is mounted"
		case strings.Contains(m.Source+m.Target, "\x00"):
			return "source", "or target contains a zero byte, which no path can"
		case !printable(m.Source + m.Target):
			return "source", fmt.Sprintf("or target is %.200q; %s", m.Source+" "+m.Target, unprintable)
		}
		targets[target] = true
		return "", ""
	}
}

func checkEnv() func(Env) (key, wrong string) {
	names := map[string]bool{}
	return func(e Env) (key, wrong string) {
		switch {
		case e.Name == "":
			return "name", "missing; write the name of the variable"
		case strings.Contains(e.Name, "="):
			return "name", fmt.Sprintf("%q contains '='; write what comes after it as value", e.Name)
		case names[e.Name]:
			return "name", fmt.Sprintf("%q is listed twice; keep one", e.Name)
		case strings.Contains(e.Name+e.Value, "\x00"):
			return "name", "or value contains a zero byte, which no variable can"
		case !printable(e.Name):
			return "name", fmt.Sprintf("is %.200q; %s", e.Name, unprintable)
		}
		names[e.Name] = true
		return "", ""
	}
}

func (m *Manifest) checkFiles() func(File) (key, wrong string) {
	targets := map[string]bool{}
	return func(f File) (key, wrong string) {
		target := path.Clean(f.Target)
		switch {
		case f.Source == "":
			return "source", "missing; write the file that is embedded"
		case !path.IsAbs(f.Target) || target == "/":
			return "target", fmt.Sprintf("is %q; write the absolute path of a file inside the enclave", f.Target)
		case targets[target]:
			return "target", fmt.Sprintf("%s is written twice; keep one", quoteIfOdd(target))
		case strings.Contains(f.Source+f.Target, "\x00"):
			return "source", "or target contains a zero byte, which no path can"
		case !printable(f.Source + f.Target):
			return "source", fmt.Sprintf("or target is %.200q; %s", f.Source+" "+f.Target, unprintable)
		case m.under(target).unwritable():
			return "target", fmt.Sprintf("%s is below %s, which is mounted read-only, so that it cannot be written; choose another place", target, m.under(target).Target)
		}
		targets[target] = true
		return "", ""
	}
}

// under is the mount that has what is at a path in the enclave, or the zero
// Mount if that is the root's memfs.
func (m *Manifest) under(target string) (found Mount) {
	longest := 0
	for _, mount := range m.Mounts {
		if dir := path.Clean(mount.Target); within(target, dir) && len(dir) > longest {
			found, longest = mount, len(dir)
		}
	}
	return found
}

func within(target, dir string) bool {
	return target == dir || strings.HasPrefix(target, strings.TrimSuffix(dir, "/")+"/")
}

// unwritable reports whether EGo mounts it read-only, which it never does with
// the root.
func (m Mount) unwritable() bool { return m.ReadOnly && path.Clean(m.Target) != "/" }
