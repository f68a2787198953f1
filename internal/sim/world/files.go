package world

import (
	"fmt"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// checkFiles refuses files that would not be in the enclave's memory, or not
// at all.
func (w *World) checkFiles() error {
	for i, f := range w.files {
		if err := w.checkFile(f); err != nil {
			return fmt.Errorf("files[%d].%w", i, err)
		}
	}
	return nil
}

func (w *World) checkFile(f manifest.File) error {
	target, err := inside(f.Target)
	if err != nil {
		return err
	}
	switch m := w.at(target); {
	case m == nil:
	case m.target == target:
		return fmt.Errorf("target: %s is also that of %s; choose another for one of them", target, m.key)
	case !m.memory():
		return fmt.Errorf("target: %s is inside %s, the host's file system, where EGo would write the file and the host change it; "+
			"choose a target outside, or leave the file out and have the mount provide it", target, m.key)
	case m.readOnly:
		return fmt.Errorf("target: %s is inside %s, which is read-only, so that EGo could not write the file and would not start; leave readOnly out there", target, m.key)
	}
	for _, m := range w.mounts {
		if contains(target, m.target) {
			return fmt.Errorf("target: %s is a file, and %s is to be below it; choose another target for one of them", target, m.key)
		}
	}
	return w.checkOthers(f, target)
}

// checkOthers refuses files below files.
func (w *World) checkOthers(f manifest.File, target string) error {
	for i, other := range w.files {
		if other.Target != f.Target && contains(target, clean(other)) {
			return fmt.Errorf("target: %s is a file, and that of files[%d] is to be below it; choose another target for one of them", target, i)
		}
	}
	return nil
}

func clean(f manifest.File) string {
	target, _ := inside(f.Target)
	return target
}
