package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/cleave-sdk/cleave/sealing"
)

// interrupted is a Guard before each of whose answers something happens.
type interrupted struct {
	sealing.Guard
	before func()
}

func (g *interrupted) Current(ctx context.Context, name string) (sealing.Version, error) {
	g.before()
	return g.Guard.Current(ctx, name)
}

// Whoever holds a Reseal up must not have it undo what was stored meanwhile.
func TestAttackResealOverAStore(t *testing.T) {
	memory := new(sealing.MemoryGuard)
	f := newFile(t, memory)
	initialise(t, f, "old: attacker is authorised")
	cpu := newCPU()
	cpu.level.SVN++ // so that what is stored is stale
	other := *f
	other.Sealer = sealing.New(cpu, sealing.ToSigner)
	resealing := other
	asked := 0
	resealing.Guard = &interrupted{memory, func() {
		if asked++; asked == 2 { // it has read, and is about to write
			store(t, &other, "new: attacker is revoked")
		}
	}}
	if _, err := resealing.Reseal(t.Context()); !errors.Is(err, sealing.ErrConflict) {
		t.Error(err)
	}
	if got, err := other.Load(t.Context()); string(got) != "new: attacker is revoked" {
		t.Errorf("%q, %v", got, err)
	}
}

// A body that the host has cut is not a shorter one.
func TestAttackCutSource(t *testing.T) {
	for _, n := range []int{0, 5, chunk, 3*chunk + 9} {
		var blob bytes.Buffer
		w, err := sealing.New(newCPU(), sealing.ToSigner).NewWriter(&blob, nil)
		if err != nil {
			t.Fatal(err)
		}
		source := io.MultiReader(bytes.NewReader(pattern(n)), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := io.Copy(w, source); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

// lazySink takes a part of every long write, and says nothing of it.
type lazySink struct{ bytes.Buffer }

func (s *lazySink) Write(p []byte) (int, error) { return s.Buffer.Write(p[:min(len(p), 1000)]) }

func TestSinksThatTakeLess(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	var sink lazySink
	w, err := s.NewWriter(&sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(pattern(2 * chunk)); !errors.Is(err, io.ErrShortWrite) || n != 0 {
		t.Errorf("Write: %d, %v", n, err)
	}
	if err := w.Close(); err == nil {
		t.Error("Close: no error")
	}
	if _, err := opening(t, s, 2*chunk).WriteTo(new(lazySink)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("WriteTo: %v", err)
	}
}

// opening is a Reader of a blob of n bytes.
func opening(t *testing.T, s *sealing.Sealer, n int) *sealing.Reader {
	t.Helper()
	blob, err := s.Seal(pattern(n), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.NewReader(bytes.NewReader(blob), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type failingSink struct{ err error }

func (f failingSink) Write([]byte) (int, error) { return 0, f.err }

// After a sink has failed, even with io.EOF, the Reader has not come to an end.
func TestSinksThatFail(t *testing.T) {
	for _, failure := range []error{io.EOF, io.ErrClosedPipe} {
		for name, read := range map[string]int{"at once": 0, "with some at hand": 10} {
			r := opening(t, sealing.New(newCPU(), sealing.ToSigner), 20*chunk)
			if _, err := io.ReadFull(r, make([]byte, read)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.WriteTo(failingSink{failure}); err != failure {
				t.Errorf("%v, %s: %v", failure, name, err)
			}
			if _, err := r.Read(make([]byte, 10)); err == nil || err == io.EOF {
				t.Errorf("%v, %s: Read after it: %v", failure, name, err)
			}
			if n, err := r.WriteTo(io.Discard); err == nil || n != 0 {
				t.Errorf("%v, %s: WriteTo after it: %d, %v", failure, name, n, err)
			}
		}
	}
}

// panicking is a peer that breaks down after some calls.
type panicking struct {
	*bytes.Reader
	calls atomic.Int64 // left
}

func (p *panicking) Read(b []byte) (int, error) {
	p.step()
	return p.Reader.Read(b)
}

func (p *panicking) ReadAt(b []byte, off int64) (int, error) {
	p.step()
	return p.Reader.ReadAt(b, off)
}

func (p *panicking) step() {
	if p.calls.Add(-1) < 0 {
		panic("broken down")
	}
}

func recovered(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// A panic is its caller's to recover, and leaves nothing that passes for whole.
func TestPanicsOfPeers(t *testing.T) {
	s := sealing.New(newCPU(), sealing.ToSigner)
	w, err := s.NewWriter(new(bytes.Buffer), nil)
	if err != nil {
		t.Fatal(err)
	}
	source := &panicking{Reader: bytes.NewReader(pattern(40 * chunk))}
	source.calls.Store(10)
	if p := recovered(func() { w.ReadFrom(source) }); p != "broken down" {
		t.Errorf("ReadFrom: %v", p)
	}
	if err := w.Close(); err == nil {
		t.Error("a Writer goes on after a panic")
	}
	blob, err := s.Seal(pattern(20*chunk), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := &panicking{Reader: bytes.NewReader(blob)}
	at.calls.Store(1 << 30)
	a, err := s.NewReaderAt(at, int64(len(blob)), nil)
	if err != nil {
		t.Fatal(err)
	}
	at.calls.Store(0)
	if p := recovered(func() { a.ReadAt(make([]byte, 20*chunk), 0) }); p != "broken down" {
		t.Errorf("ReadAt: %v", p)
	}
}
