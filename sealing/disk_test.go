package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

var errPower = errors.New("power is lost")

// fakeDisk is a disk that loses power at a given step. What is then left
// depends on what was made durable, and on luck.
type fakeDisk struct {
	now     map[string]*fakeFile // by path
	durable map[string]*fakeFile
	steps   int
	power   int // steps until power is lost
}

type fakeFile struct {
	disk         *fakeDisk
	now, durable []byte
}

func newDisk() *fakeDisk {
	return &fakeDisk{now: map[string]*fakeFile{}, durable: map[string]*fakeFile{}, power: 1 << 30}
}

// step reports that the disk takes no more orders.
func (d *fakeDisk) step() error {
	if d.steps++; d.steps > d.power {
		return errPower
	}
	return nil
}

// restart returns the disk after power came back. Names and contents that were
// not made durable are there with luck.
func (d *fakeDisk) restart(names, contents bool) *fakeDisk {
	after := newDisk()
	left := d.durable
	if names {
		left = d.now
	}
	for path, f := range left {
		b := f.durable
		if contents {
			b = f.now
		}
		g := &fakeFile{after, slices.Clone(b), slices.Clone(b)}
		after.now[path], after.durable[path] = g, g
	}
	return after
}

func (d *fakeDisk) Create(path string) (sealing.DiskFile, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	if d.now[path] != nil {
		return nil, fs.ErrExist
	}
	d.now[path] = &fakeFile{disk: d}
	return d.now[path], nil
}

func (d *fakeDisk) Open(path string) (sealing.DiskFile, error) {
	if d.now[path] == nil {
		return nil, fs.ErrNotExist
	}
	return d.now[path], d.step()
}

func (d *fakeDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.now[from] == nil {
		return fs.ErrNotExist
	}
	d.now[to] = d.now[from]
	delete(d.now, from)
	return nil
}

func (d *fakeDisk) Remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.now[path] == nil {
		return fs.ErrNotExist
	}
	delete(d.now, path)
	return nil
}

func (d *fakeDisk) List(dir string, want func(string) bool) ([]string, error) {
	var names []string
	for path := range d.now {
		if filepath.Dir(path) == dir && want(filepath.Base(path)) {
			names = append(names, filepath.Base(path))
		}
	}
	return names, d.step()
}

func (d *fakeDisk) Sync(string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.durable = maps.Clone(d.now)
	return nil
}

func (f *fakeFile) Write(b []byte) (int, error) {
	if err := f.disk.step(); err != nil {
		f.now = append(f.now, b[:len(b)/2]...)
		return len(b) / 2, err
	}
	f.now = append(f.now, b...)
	return len(b), nil
}

func (f *fakeFile) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(f.now).ReadAt(b, off)
}

func (f *fakeFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.durable = slices.Clone(f.now)
	return nil
}

func (f *fakeFile) Close() error         { return nil }
func (f *fakeFile) Size() (int64, error) { return int64(len(f.now)), nil }

// poweredGuard is reached by the same machine: power can be lost before it was
// asked, and before its answer arrives.
type poweredGuard struct {
	sealing.Guard
	disk *fakeDisk
}

func (g poweredGuard) Advance(ctx context.Context, name string, old, new sealing.Version) error {
	if err := g.disk.step(); err != nil {
		return err
	}
	return errors.Join(g.Guard.Advance(ctx, name, old, new), g.disk.step())
}

func TestPowerLostAtEveryStep(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		for power := 0; ; power++ {
			if done := losePower(t, guarded, power); done {
				if power < 7 {
					t.Errorf("a Store has %d steps", power)
				}
				break
			}
		}
	}
}

// losePower stores two contents and has the power fail while a third is
// stored. It reports whether that was too late to matter.
func losePower(t *testing.T, guarded bool, power int) (done bool) {
	ctx, disk := t.Context(), newDisk()
	content := func(n byte) []byte { return bytes.Repeat([]byte{n}, chunk+int(n)) }
	file := func(d *fakeDisk, g sealing.Guard) *sealing.File {
		f := &sealing.File{Path: "dir/file", Name: "name", Sealer: sealing.New(newCPU(), sealing.ToSigner)}
		if guarded {
			f.Guard = poweredGuard{g, d}
		}
		return f.On(d)
	}
	guard := new(sealing.MemoryGuard)
	f := file(disk, guard)
	begin := f.Store
	if guarded {
		begin = f.Init
	}
	if err := errors.Join(begin(ctx, content(0)), f.Store(ctx, content(1))); err != nil {
		t.Fatal(err)
	}
	disk.steps, disk.power = 0, power
	stored := f.Store(ctx, content(2))
	entry, err := guard.Current(ctx, "name")
	if err != nil {
		t.Fatal(err)
	}
	for _, luck := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		name := fmt.Sprintf("guard %v, power for %d steps, luck %v", guarded, power, luck)
		g := new(sealing.MemoryGuard)
		if err := g.Advance(ctx, "name", sealing.Version{}, entry); err != nil {
			t.Fatal(err)
		}
		after := disk.restart(luck[0], luck[1])
		f := file(after, g)
		got, err := f.Load(ctx)
		if err != nil || !bytes.Equal(got, content(2)) && (stored == nil || !bytes.Equal(got, content(1))) {
			t.Errorf("%s: Store said %v, and %d bytes are left, %v", name, stored, len(got), err)
		}
		if err := errors.Join(f.Store(ctx, content(3)), f.Store(ctx, content(4))); err != nil {
			t.Errorf("%s: stored again: %v", name, err)
		}
		if got, err := f.Load(ctx); err != nil || !bytes.Equal(got, content(4)) {
			t.Errorf("%s: stored again, but %d bytes are there, %v", name, len(got), err)
		}
		if len(after.now) != 1 {
			t.Errorf("%s: left behind are %q", name, slices.Sorted(maps.Keys(after.now)))
		}
	}
	return disk.steps <= power
}

var _ io.ReaderAt = (*fakeFile)(nil)
