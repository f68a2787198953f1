package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

func init() { roles["full disk"] = onAFullDisk }

// A small disk that fills up and then becomes read-only needs a mount, and so
// a process in namespaces of its own.
func TestFullAndReadOnlyDisk(t *testing.T) {
	cmd := play(t, "full disk", "DISK="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || strings.HasPrefix(string(out), "no mount"):
		t.Skipf("not possible here: %v: %s", err, out)
	case err != nil || string(out) != "done\n":
		t.Errorf("%v: %s", err, out)
	}
}

func onAFullDisk() {
	dir := os.Getenv("DISK")
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=512k"); err != nil {
		fmt.Println("no mount:", err)
		return
	}
	for _, g := range []sealing.Guard{nil, new(sealing.MemoryGuard)} {
		f := &sealing.File{Path: filepath.Join(dir, "secret"), Name: "name", Sealer: sealing.New(newCPU(), sealing.ToSigner), Guard: g}
		fillDisk(f)
	}
	fmt.Println("done")
}

func fillDisk(f *sealing.File) {
	ctx, old := context.Background(), pattern(200_000)
	begin := f.Store
	if f.Guard != nil {
		begin = f.Init
	}
	check(begin(ctx, old))
	intact := func(when string) {
		if got, err := f.Load(ctx); err != nil || !bytes.Equal(got, old) {
			fmt.Printf("%s: %d bytes, %v\n", when, len(got), err)
		}
		if names := must(filepath.Glob(f.Path + "*")); len(names) != 1 {
			fmt.Printf("%s: %q are left\n", when, names)
		}
	}
	for range 3 {
		err := f.Store(ctx, pattern(600_000))
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, sealing.ErrOpen) {
			fmt.Println("on a full disk:", err)
		}
		intact("full")
	}
	check(f.Store(ctx, old)) // there is room for two

	dir := filepath.Dir(f.Path)
	check(syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	err := f.Store(ctx, []byte("new"))
	if !errors.Is(err, syscall.EROFS) {
		fmt.Println("on a read-only disk:", err)
	}
	intact("read-only")
	check(syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, ""))
	check(f.Store(ctx, old))
	intact("writable again")
	for _, name := range must(filepath.Glob(f.Path + "*")) {
		check(os.Remove(name))
	}
}
