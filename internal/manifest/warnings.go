package manifest

import "fmt"

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
	for i, mount := range m.Mounts {
		switch {
		case mount.Type == "hostfs" && mount.Target == "/":
			warn("mounts[%d]: the whole file system is the host's; mount only the directories that are needed", i)
		case mount.Type == "memfs" && mount.Source != "" && mount.Source != "/":
			warn("mounts[%d].source: is ignored for a memfs", i)
		case mount.Type == "memfs" && mount.ReadOnly:
			warn("mounts[%d].readOnly: a memfs starts empty, and nothing can be put into this one", i)
		}
	}
	for i, env := range m.Env {
		if env.Value == "" && !env.FromHost {
			warn("env[%d]: %s has neither value nor fromHost, and is not set", i, env.Name)
		}
	}
	return w
}
