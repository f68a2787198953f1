// Package world gives a simulated trusted half the surroundings that EGo gives
// a real one: a file system of its own instead of the host's, with the files
// and mounts of its enclave.json, and the working directory that PWD names.
//
//	w, err := world.Plan(world.Config{Manifest: m, Environment: env})
//	…
//	child, err := door.Start(ctx, door.Config{
//		…
//		Prepare: func(s *door.Stopped) error { return w.Build(s) },
//	})
//
// Plan looks at the host and finds what is wrong with the configuration. Build
// has a process that has not executed an instruction yet make the system calls
// that leave the host's mounts for the world: no helper program, and no code of
// this process, runs between fork and exec.
//
// The root is a memfs as large as the enclave's heap. After the last call the
// host's file system is neither mounted nor open in the process, and no
// capability is left by which it could be had again. What EGo does not give, is
// not there either: no /dev, /proc or /sys. What EGo's runtime has the host do,
// is there to be done without it: the files by which names are resolved, and the
// directories of the sockets in Config. A dynamically linked program sees the
// system's libraries, read-only; under EGo they are part of it. Plan refuses one
// that names other directories, which the enclave.json does not mount.
package world

import (
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// ErrRefused is in every error that says this system gives a process no world
// of its own; its text says why and what to do about it. The process could
// still be run without.
var ErrRefused = errors.New("a file system of its own is refused")

// Child is a process, of this one's user, that stands before its first
// instruction.
type Child interface {
	Pid() int
	// Call makes the process execute a system call.
	Call(number uintptr, args ...uint64) (uint64, error)
	// Bytes puts b somewhere into its memory.
	Bytes(b []byte) (uint64, error)
}

// Config is what a world is made of. It is not changed.
type Config struct {
	// Manifest has been loaded: its files have their content, and what they
	// hold by now does not matter.
	Manifest *manifest.Manifest
	// Environment is the trusted half's, as NAME=value. EDG_CWD, absolute, is
	// what sources of mounts are relative to, and PWD the working directory.
	Environment []string
	// Sockets are absolute paths of unix sockets that are reached by them, as
	// under EGo, where such paths are the host's. Whatever else is in the
	// directory of one is there too, read-only.
	Sockets []string
}

// World is a plan. It is not changed by use.
type World struct {
	size   int64 // of the memfs, in bytes
	mounts []mount
	links  []link
	files  []manifest.File
	dir    string // to work in
}

// mount is one place that is not in the root's memfs.
type mount struct {
	key      string // in the enclave.json, or what it is for
	source   string // on the host; empty for a memfs
	target   string
	file     bool // and not a directory
	readOnly bool
	program  bool // has what may be executed
	found    bool // the target is there already, in another mount
}

// link is a symbolic link at target.
type link struct{ content, target string }

func (m mount) memory() bool { return m.source == "" }

// Plan says what the world of c is. Its errors are about the enclave.json, and
// say what to change.
func Plan(c Config) (*World, error) {
	w := &World{size: int64(c.Manifest.HeapSize) << 20, files: c.Manifest.Files, dir: directory(c.Environment)}
	if err := w.plan(c); err != nil {
		return nil, fmt.Errorf("world: %w", err)
	}
	return w, nil
}

func (w *World) plan(c Config) error {
	if err := w.addMounts(c.Manifest.Mounts, variable(c.Environment, "EDG_CWD")); err != nil {
		return err
	}
	if err := w.checkFiles(); err != nil {
		return err
	}
	if err := w.addLibraries(c.Manifest.Executable()); err != nil {
		return err
	}
	w.addNames()
	return w.addSockets(c.Sockets)
}
