package manifest

import (
	"fmt"
	"path"
	"path/filepath"
)

// Warnings are what EGo accepts and warns of, or should: one sentence each.
func (m *Manifest) Warnings() []string {
	var w []string
	warn := func(format string, a ...any) { w = append(w, fmt.Sprintf(format, a...)) }
	if m.Debug {
		warn("debug: the host can read and write the memory of a debug enclave; set it to false for production")
	}
	if m.HeapSize > maxPlainHeap {
		warn("heapSize: more than %d MB need a program built with the tag ego_largeheap", maxPlainHeap)
	}
	if filepath.IsAbs(m.Exe) || filepath.IsAbs(m.Key) {
		warn("exe and key: ego sign takes an absolute path for one below the directory of %s; write relative ones", FileName)
	}
	for i, mount := range m.Mounts {
		switch {
		case mount.Type == "memfs" && path.Clean(mount.Target) == "/":
			warn("mounts[%d]: the root is a memfs without it; leave it out", i)
		case mount.Type == "hostfs" && path.Clean(mount.Target) == "/":
			warn("mounts[%d]: the whole file system is the host's%s; mount only the directories that are needed", i, ignored(mount.ReadOnly))
		case mount.Type == "memfs" && mount.Source != "" && mount.Source != "/":
			warn("mounts[%d].source: is ignored for a memfs", i)
		case mount.Type == "memfs" && mount.ReadOnly:
			warn("mounts[%d].readOnly: a memfs starts empty, and nothing can be put into this one", i)
		}
	}
	for i, f := range m.Files {
		if mount := m.under(path.Clean(f.Target)); mount.Type == "hostfs" {
			warn("files[%d].target: is below %s, which is the host's: it is written there, and the host can change it", i, mount.Target)
		}
	}
	for i, env := range m.Env {
		if env.Value == "" && !env.FromHost {
			warn("env[%d]: %s has neither value nor fromHost, and is not set", i, env.Name)
		}
	}
	return w
}

func ignored(readOnly bool) string {
	if readOnly {
		return ", and writable, for readOnly is ignored there"
	}
	return ""
}
