package usual_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/ocall/usual"
)

// small is where the tests of a disk of 256 KiB are run, in a process that has
// mounted one. Its name is that of a variable, too.
const small = "USUAL_TEST_SMALL_DISK"

// onSmallDisk has test run in a process of its own, in a directory that is a
// file system of 256 KiB.
func onSmallDisk(t *testing.T, test func(path string)) {
	if path := os.Getenv(small); path != "" {
		if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=256k"); err != nil {
			t.Skip("nothing can be mounted here:", err)
		}
		test(path)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), small+"="+t.TempDir())
	ids := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid()),
	}
	out, err := c.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		t.Errorf("%s", out)
	case err != nil:
		t.Skip("no namespace of its own:", err)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	case !bytes.Contains(out, []byte("--- PASS")):
		t.Errorf("it did not run: %s", out)
	}
}

func TestFullDisk(t *testing.T) {
	onSmallDisk(t, func(path string) {
		d, err := usual.OpenDirectory(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		older := bytes.Repeat([]byte("o"), 100_000)
		if err := d.Put(t.Context(), "x", older); err != nil {
			t.Fatal(err)
		}
		for range 3 { // a draft that stayed would fill the disk for good
			if err := d.Put(t.Context(), "x", make([]byte, 200_000)); !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
			if b, err := d.Get(t.Context(), "x"); !bytes.Equal(b, older) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			if left := entries(t, path); !slices.Equal(left, []string{"x"}) {
				t.Errorf("%q", left)
			}
		}
		if err := d.Put(t.Context(), "x", []byte("newer")); err != nil {
			t.Error(err)
		}
	})
}

// Here a name that gets another file changes its place in the directory.
func TestListOfWhatChanges(t *testing.T) {
	onSmallDisk(t, func(path string) {
		d, err := usual.OpenDirectory(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		const all = 1000 // more than the system tells at once
		name := func(i int) string { return fmt.Sprintf("n.%03d", i%all) }
		for i := range all {
			if err := d.Put(t.Context(), name(i), nil); err != nil {
				t.Fatal(err)
			}
		}
		var writer sync.WaitGroup
		var done atomic.Bool
		writer.Go(func() {
			for i := 0; !done.Load(); i++ {
				if err := d.Put(t.Context(), name(7*i), nil); err != nil {
					t.Error(err)
				}
			}
		})
		for range 100 {
			if names, err := d.List(t.Context(), "", "", 2*all); len(names) != all {
				t.Errorf("%d names, %v", len(names), err)
			}
		}
		done.Store(true)
		writer.Wait()
	})
}

func TestDevices(t *testing.T) {
	d, path := directory(t)
	if err := syscall.Mknod(filepath.Join(path, "name"), syscall.S_IFCHR|0o600, 1<<8|7); err != nil { // /dev/full
		t.Skip("no device can be made here:", err)
	}
	refused(t, d, path, "name")
}
